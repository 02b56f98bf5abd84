/** Downloads files whose size and SHA-256 are known beforehand. */
import { createHash } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { makeFolder } from "../data/make-folder.js";
import { AtomicFileWriter } from "../data/atomic.js";
import type { Progress } from "../engine/progress.js";
import { fetchThrough, ProxyError, proxyFor } from "./proxy.js";
import { crossThreads } from "../engine/thread-errors.js";

/** A download failed. */
export class DownloadError extends Error {
  override readonly name = "DownloadError";
  constructor(
    readonly url: string,
    problem: string,
    remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${url} could not be downloaded: ${problem}. ${remedy}`, options);
  }
}

crossThreads(import.meta.url, DownloadError);

export interface PinnedFile {
  url: string;
  sha256: string;
  bytes: number;
}

export interface DownloadOptions {
  /** What the user can do if it fails. */
  remedy: string;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
  /** Milliseconds without data after which a connection is closed. Default: one minute. */
  patience?: number;
  /** Milliseconds before the second attempt; the third waits twice as long. Default: 2 s. */
  pause?: number;
  /** HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY; default: those of the process. */
  env?: Record<string, string | undefined>;
}

const maxAttempts = 3;
const maxRedirects = 5;
const day = 24 * 3600 * 1000;

/** A failure that another attempt may overcome. */
class Interruption extends Error {}

/**
 * Downloads to a temporary name beside `file`, checks the content, and renames it. An interrupted download is resumed if the
 * server supports that, and otherwise restarted. Several processes may download the same file: each uses a separate temporary
 * name, and the last one replaces an identical file.
 * @throws DownloadError; `file` is then not written @throws the signal's reason
 */
export async function download(pinned: PinnedFile, file: string, options: DownloadOptions): Promise<void> {
  makeFolder(dirname(file));
  removeLeftOvers(file);
  using transfer = new Transfer(pinned, file, options);
  for (let k = 1; ; k++) {
    try {
      await transfer.run();
      return transfer.finish();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof DownloadError) throw error;
      if (!(error instanceof Interruption) || k === maxAttempts)
        throw new DownloadError(pinned.url, reasonOf(error), options.remedy, { cause: error });
    }
    await wait(
      (options.pause ?? 2000) * k,
      undefined,
      options.signal === undefined ? {} : { signal: options.signal },
    ).catch(() => options.signal?.throwIfAborted());
  }
}

class Transfer implements Disposable {
  readonly #pinned: PinnedFile;
  readonly #file: string;
  readonly #options: DownloadOptions;
  #writer: AtomicFileWriter;
  #hash = createHash("sha256");
  #done = 0;
  #tag: string | null = null;

  constructor(pinned: PinnedFile, file: string, options: DownloadOptions) {
    this.#pinned = pinned;
    this.#file = file;
    this.#options = options;
    this.#writer = new AtomicFileWriter(file);
  }

  /** Opens one connection and continues where the last one broke. @throws Interruption if another attempt may succeed */
  async run(): Promise<void> {
    const { patience = 60_000, signal, onProgress } = this.#options;
    const stalled = new AbortController();
    const timer = setTimeout(
      () => stalled.abort(new Interruption(`no data was received for ${patience / 1000} s`)),
      patience,
    );
    try {
      const response = await this.#request(
        AbortSignal.any(signal === undefined ? [stalled.signal] : [stalled.signal, signal]),
      );
      this.#begin(response);
      for await (const piece of response.body ?? []) {
        timer.refresh();
        this.#take(piece as Uint8Array);
        onProgress?.({
          stage: "download",
          done: this.#done,
          total: this.#pinned.bytes,
          unit: "bytes",
          message: basename(this.#file),
        });
      }
    } catch (error) {
      if (error instanceof DownloadError || error instanceof Interruption) throw error;
      throw new Interruption(stalled.signal.aborted ? reasonOf(stalled.signal.reason) : reasonOf(error), {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
    if (this.#done < this.#pinned.bytes)
      throw new Interruption(`the connection ended after ${this.#done} of ${this.#pinned.bytes} bytes`);
  }

  finish(): void {
    const { sha256 } = this.#pinned;
    const received = this.#hash.digest("hex");
    if (received !== sha256) throw this.#fault(`expected the SHA-256 ${sha256}, received ${received}`);
    this.#writer.commit();
  }

  [Symbol.dispose](): void {
    this.#writer.abort();
  }

  /** Follows redirects, from https to https only. */
  async #request(signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (this.#done > 0) headers["range"] = `bytes=${this.#done}-`;
    if (this.#done > 0 && this.#tag !== null) headers["if-range"] = this.#tag;
    let url = new URL(this.#pinned.url);
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const response = await this.#fetch(url, headers, signal);
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      await response.body?.cancel();
      const next = redirectTarget(url, location);
      if (next === null) throw this.#fault(`it redirects to ${location}, which is not encrypted`);
      url = next;
    }
    throw this.#fault(`it was redirected more than ${maxRedirects} times`);
  }

  /** Fetches directly, or through the proxy that the environment names for the URL. */
  async #fetch(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    try {
      const proxy = proxyFor(url, this.#options.env ?? process.env);
      if (proxy === null) return await fetch(url, { headers, signal, redirect: "manual" });
      return await fetchThrough(proxy, url, { headers, signal });
    } catch (error) {
      if (error instanceof ProxyError) throw this.#fault(error.message);
      throw error;
    }
  }

  #begin(response: Response): void {
    const { status, headers } = response;
    if (status >= 500 || status === 429) throw new Interruption(`the server answered ${status}`);
    const isResumed =
      status === 206 && headers.get("content-range")?.startsWith(`bytes ${this.#done}-`) === true;
    if (this.#done > 0 && !isResumed) this.#restart();
    // 416, or another range than requested: the next attempt starts from the beginning.
    if (status === 416 || (status === 206 && !isResumed))
      throw new Interruption("the server could not resume the interrupted download");
    if (!response.ok) throw this.#fault(`the server answered ${status} ${response.statusText}`.trimEnd());
    this.#tag = headers.get("etag")?.startsWith('"') === true ? headers.get("etag") : null;
    const announced = headers.get("content-length");
    const expected = this.#pinned.bytes - this.#done;
    if (announced !== null && Number(announced) !== expected)
      throw this.#fault(`expected ${expected} bytes, the server announced ${announced}`);
  }

  #take(piece: Uint8Array): void {
    this.#done += piece.length;
    if (this.#done > this.#pinned.bytes)
      throw this.#fault(`received more than the expected ${this.#pinned.bytes} bytes`);
    this.#hash.update(piece);
    this.#writer.write(piece);
  }

  #restart(): void {
    this.#writer.abort();
    this.#writer = new AtomicFileWriter(this.#file);
    this.#hash = createHash("sha256");
    this.#done = 0;
  }

  #fault(problem: string): DownloadError {
    return new DownloadError(this.#pinned.url, problem, this.#options.remedy);
  }
}

/** The target of a redirect; null if it would be less secure than its origin, or is not a URL. */
export function redirectTarget(from: URL, location: string): URL | null {
  if (!URL.canParse(location, from.href)) return null;
  const to = new URL(location, from);
  return to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:") ? to : null;
}

/** Removes the temporary files of killed downloads. They are at least a day old, so that no process still uses them. */
function removeLeftOvers(file: string): void {
  const folder = dirname(file);
  const isTemporary = (name: string) => name.startsWith(`.${basename(file)}.`) && name.endsWith(".tmp");
  for (const name of readdirSync(folder).filter(isTemporary)) {
    const path = join(folder, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > day) rmSync(path, { force: true });
  }
}

/** fetch only reports "fetch failed"; the reason is in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}
