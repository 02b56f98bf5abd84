/**
 * Objects that were received, by series: files on disk, so that an object whose receipt was confirmed survives a crash. A
 * series is handed on when no object of it has arrived for a while, because a slow sender pauses between objects.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

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
}

/** The object belongs to a series that has reached a limit. */
export class SeriesTooLargeError extends Error {
  override readonly name = "SeriesTooLargeError";
}

export class Incoming implements Disposable {
  /** Objects that are being received. */
  readonly temporary: string;
  readonly #series: string;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #bytes = new Map<string, number>();

  /**
   * @param quiet milliseconds without an object after which a series is complete
   * @param take called for a complete series; moves its folder, or returns false to be asked again later
   */
  constructor(
    data: string,
    private readonly limits: IncomingLimits,
    private readonly quiet: number,
    private readonly take: (series: ReceivedSeries) => boolean,
  ) {
    const parent = join(data, "incoming");
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
    makeHidden(folder);
    const path = join(folder, `${hashOf(instance)}.dcm`);
    const before = existsSync(path) ? statSync(path).size : 0;
    const bytes = (this.#bytes.get(name) ?? bytesOf(folder)) - before + statSync(file).size;
    const isNew = before === 0;
    if (bytes > this.limits.maxUpload || (isNew && readdirSync(folder).length >= this.limits.maxFiles))
      throw new SeriesTooLargeError("The series exceeds a limit of this server");
    renameSync(file, path);
    this.#bytes.set(name, bytes);
    this.#wait(name);
  }

  #wait(name: string): void {
    clearTimeout(this.#timers.get(name));
    const timer = setTimeout(() => this.#complete(name), this.quiet);
    this.#timers.set(name, timer.unref());
  }

  #complete(name: string): void {
    const folder = join(this.#series, name);
    const files = readdirSync(folder).sort();
    const isTaken = files.length === 0 || this.take({ folder, files, bytes: bytesOf(folder) });
    if (!isTaken) return this.#wait(name);
    this.#timers.delete(name);
    this.#bytes.delete(name);
    rmSync(folder, { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}

/** Its parent is there. */
function makeHidden(folder: string): void {
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
}

const bytesOf = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);
