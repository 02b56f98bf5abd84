/** Downloads of files whose content is known beforehand, by its SHA-256 and its size. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { AtomicFileWriter } from "../data/atomic.js";
import type { Progress } from "../engine/progress.js";
import { fetchThrough, ProxyError, proxyFor } from "./proxy.js";
import { crossThreads } from "../engine/thread-errors.js";

/** A download that did not come. */
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
  /** What the user can do where it fails. */
  remedy: string;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
  /** Milliseconds without a byte after which a connection is given up; default a minute. */
  patience?: number;
  /** Milliseconds before a second try; the third waits twice as long. Default 2 s. */
  pause?: number;
  /** HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY; default: those of the process. */
  env?: Record<string, string | undefined>;
}

const tries = 3;
const mostRedirects = 5;
const day = 24 * 3600 * 1000;

/** What another try may mend. */
class Interruption extends Error {}

/**
 * Downloads to a temporary name beside `file`, checks, and renames. A connection that breaks is taken up again where it
 * broke, if the server can, else from the start. Several processes may download the same file: each has its own
 * temporary name, and the last to end replaces an equal file.
 * @throws DownloadError, nothing under the file's name @throws the signal's reason
 */
export async function download(pinned: PinnedFile, file: string, options: DownloadOptions): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  removeLeftOvers(file);
  using transfer = new Transfer(pinned, file, options);
  for (let k = 1; ; k++) {
    try {
      await transfer.run();
      return transfer.finish();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof DownloadError) throw error;
      if (!(error instanceof Interruption) || k === tries)
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

  /** One connection, from where the last one broke. @throws Interruption where another may go on */
  async run(): Promise<void> {
    const { patience = 60_000, signal, onProgress } = this.#options;
    const stalled = new AbortController();
    const timer = setTimeout(() => stalled.abort(new Interruption(`nothing came for ${patience / 1000} s`)), patience);
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
    const found = this.#hash.digest("hex");
    if (found !== sha256) throw this.#fault(`what came has the SHA-256 ${found}, expected ${sha256}`);
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
    for (let hops = 0; hops <= mostRedirects; hops++) {
      const response = await this.#fetch(url, headers, signal);
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      await response.body?.cancel();
      const next = redirectTarget(url, location);
      if (next === null) throw this.#fault(`it leads to ${location}, which is no encrypted address`);
      url = next;
    }
    throw this.#fault(`it was redirected more than ${mostRedirects} times`);
  }

  /** Directly, or through the proxy that the environment names for the address. */
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
    const goesOn = status === 206 && headers.get("content-range")?.startsWith(`bytes ${this.#done}-`) === true;
    if (this.#done > 0 && !goesOn) this.#restart();
    // 416, or another part than was asked for: the next try begins anew.
    if (status === 416 || (status === 206 && !goesOn))
      throw new Interruption("the server could not go on where it broke");
    if (!response.ok) throw this.#fault(`the server answered ${status} ${response.statusText}`.trimEnd());
    this.#tag = headers.get("etag")?.startsWith('"') === true ? headers.get("etag") : null;
    const announced = headers.get("content-length");
    const expected = this.#pinned.bytes - this.#done;
    if (announced !== null && Number(announced) !== expected)
      throw this.#fault(`the server announces ${announced} bytes, expected ${expected}`);
  }

  #take(piece: Uint8Array): void {
    this.#done += piece.length;
    if (this.#done > this.#pinned.bytes) throw this.#fault(`more than the expected ${this.#pinned.bytes} bytes came`);
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

/** Where a redirect leads; null where that would be less safe than where it comes from, or no address at all. */
export function redirectTarget(from: URL, location: string): URL | null {
  if (!URL.canParse(location, from.href)) return null;
  const to = new URL(location, from);
  return to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:") ? to : null;
}

/** Temporary files of downloads that were killed; a day old, so that they are nobody's any more. */
function removeLeftOvers(file: string): void {
  const folder = dirname(file);
  const isTemporary = (name: string) => name.startsWith(`.${basename(file)}.`) && name.endsWith(".tmp");
  for (const name of readdirSync(folder).filter(isTemporary)) {
    const path = join(folder, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > day) rmSync(path, { force: true });
  }
}

/** fetch says "fetch failed" and keeps the reason in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}
