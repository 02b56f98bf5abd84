/**
 * Objects that were received, by series: files on disk, so that an object whose receipt was confirmed survives a crash. A
 * series is handed on when no object of it has arrived for a while, because a slow sender pauses between objects.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { syncFolder } from "@slicestack/pipeline/internal";

/** A series whose objects have arrived. */
export interface ReceivedSeries {
  folder: string;
  files: string[];
  bytes: number;
}

export interface IncomingLimits {
  /** Of one series. */
  maxUpload: number;
  maxFiles: number;
  /** Series that wait at a time. */
  queue: number;
}

/** The object belongs to a series that has reached a limit, or to one more than may wait. */
export class SeriesTooLargeError extends Error {
  override readonly name = "SeriesTooLargeError";
}

export class Incoming implements Disposable {
  /** Objects that are being received. */
  readonly temporary: string;
  readonly #series: string;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** What is on disk, so that it is not counted for each object. */
  readonly #sizes = new Map<string, { bytes: number; files: number }>();
  /** Objects that were being received when a series was quiet: they may belong to it. */
  readonly #awaited = new Map<string, string[]>();
  #isDisposed = false;

  /**
   * @param quiet milliseconds without an object after which a series is complete
   * @param take called for a complete series; moves its folder, or returns false to be asked again later
   * @param onProblem called with an error of the file system; the series is tried again if it is still there
   */
  constructor(
    data: string,
    private readonly limits: IncomingLimits,
    private readonly quiet: number,
    private readonly take: (series: ReceivedSeries) => boolean,
    private readonly onProblem: (error: unknown) => void,
  ) {
    const parent = incomingOf(data);
    this.temporary = join(parent, "objects");
    this.#series = join(parent, "series");
    rmSync(this.temporary, { recursive: true, force: true }); // left by a crash in the middle of an object
    for (const folder of [parent, this.temporary, this.#series]) makeHidden(folder);
    for (const name of readdirSync(this.#series)) this.#wait(name);
  }

  /**
   * Takes the file of an object. One that arrives again takes the place of the earlier one.
   * @throws SeriesTooLargeError
   */
  add(file: string, { study, series, instance }: { study: string; series: string; instance: string }): void {
    const name = hashOf(`${study} ${series}`);
    const folder = join(this.#series, name);
    if (!this.#timers.has(name) && this.#timers.size >= this.limits.queue)
      throw new SeriesTooLargeError("As many series wait as this server accepts");
    const path = join(folder, `${hashOf(instance)}.dcm`);
    const before = existsSync(path) ? statSync(path).size : 0;
    const size = this.#sizes.get(name) ?? sizeOf(folder);
    const bytes = size.bytes - before + statSync(file).size;
    const count = size.files + (before === 0 ? 1 : 0);
    if (bytes > this.limits.maxUpload || count > this.limits.maxFiles)
      throw new SeriesTooLargeError("The series exceeds a limit of this server");
    makeHidden(folder);
    renameSync(file, path);
    for (const one of [folder, this.#series]) syncFolder(one); // a rename survives a power cut only then
    this.#sizes.set(name, { bytes, files: count });
    this.#awaited.delete(name);
    this.#wait(name);
  }

  #wait(name: string): void {
    clearTimeout(this.#timers.get(name));
    if (this.#isDisposed) return;
    const timer = setTimeout(() => this.#attempt(name), this.quiet);
    this.#timers.set(name, timer.unref());
  }

  /** An error must not end the server. */
  #attempt(name: string): void {
    try {
      if (this.#isComplete(name)) this.#complete(name);
      else this.#wait(name);
    } catch (error) {
      this.onProblem(error);
      if (existsSync(join(this.#series, name))) this.#wait(name);
      else this.#drop(name);
    }
  }

  /** A large object on a slow connection takes longer than a series is quiet. */
  #isComplete(name: string): boolean {
    const present = readdirSync(this.temporary);
    const awaited = (this.#awaited.get(name) ?? present).filter((file) => present.includes(file));
    this.#awaited.set(name, awaited);
    return awaited.length === 0;
  }

  #complete(name: string): void {
    const folder = join(this.#series, name);
    const files = readdirSync(folder).sort();
    const isTaken = files.length === 0 || this.take({ folder, files, bytes: sizeOf(folder).bytes });
    if (!isTaken) return this.#wait(name);
    this.#drop(name);
    rmSync(folder, { recursive: true, force: true });
  }

  #drop(name: string): void {
    for (const one of [this.#timers, this.#sizes, this.#awaited]) one.delete(name);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}

/** Whether series wait that were received before: without a receiver, nobody predicts or removes them. */
export function hasIncoming(data: string): boolean {
  const folder = join(incomingOf(data), "series");
  return existsSync(folder) && readdirSync(folder).length > 0;
}

const incomingOf = (data: string): string => join(data, "incoming");

/** Its parent is there. */
function makeHidden(folder: string): void {
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
}

function sizeOf(folder: string): { bytes: number; files: number } {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const bytes = names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  return { bytes, files: names.length };
}

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);
