/**
 * A data set under construction: slices and a journal of the finished volumes, in a folder beside the destination, so that
 * a killed preparation can be resumed.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { encodeNpyHeader } from "@slicestack/volume";
import { codeOf } from "../error-code.js";
import { naming } from "../../engine/system-errors.js";
import { storeBytes, type StoreDtype } from "../store.js";
import type { VolumeRecord } from "../volume-record.js";
import { makeFolder } from "../make-folder.js";

/** What the volumes of one data set have in common. */
export interface Frame {
  dtype: StoreDtype;
  height: number;
  width: number;
  unit: "HU" | "arbitrary";
}

/** The result for one volume of the plan: stored, or left out with a reason. */
export type Entry = { record: VolumeRecord; frame: Frame } | { source: string; reason: string };

/** A header with room for any count, so that the final one can be written last. */
const headerOf = ({ dtype, height, width }: Frame, slices: number): Uint8Array =>
  encodeNpyHeader(
    dtype,
    [slices, height, width],
    encodeNpyHeader(dtype, [Number.MAX_SAFE_INTEGER, height, width]).length,
  );

/** Entries are written together after this many seconds, always after their slices: what the journal lists exists. */
const SYNC_SECONDS = 1;

/** The folder, within the work folder, that becomes the data set. */
export const dataFolder = (work: string): string => join(work, "data");

export class Journal {
  readonly entries: Entry[] = [];
  /** Slices stored so far. */
  count = 0;
  readonly #journal: number;
  readonly #slices: number;
  readonly #journalFile: string;
  readonly #slicesFile: string;
  #journalBytes = 0;
  #sliceBytes = 0;
  #pending: string[] = [];
  #synced = performance.now();

  /**
   * Opens the work folder `folder`, or starts a new journal in it; the slices are in its folder data.
   * @param key identifies the plan
   * @returns null if a preparation with another plan was begun there
   */
  static open(folder: string, key: string): Journal | null {
    const path = join(folder, "journal.jsonl");
    const lines = existsSync(path) ? wholeLines(readFileSync(path)) : [];
    if (lines.length > 0 && keyOf(lines[0]!) !== key) return null;
    return new Journal(folder, path, key, lines);
  }

  /** Whether a preparation was begun in this folder, by any version. */
  static isIn(folder: string): boolean {
    return existsSync(join(folder, "journal.jsonl"));
  }

  /** The number of volumes that an earlier call finished there, with any plan; 0 if there is no journal. */
  static progress(folder: string): number {
    const path = join(folder, "journal.jsonl");
    return existsSync(path) ? Math.max(0, wholeLines(readFileSync(path)).length - 1) : 0;
  }

  private constructor(folder: string, path: string, key: string, lines: readonly Buffer[]) {
    const slices = join(dataFolder(folder), "slices.npy");
    makeFolder(dataFolder(folder));
    this.#journalFile = path;
    this.#slicesFile = slices;
    this.#slices = openSync(slices, existsSync(slices) ? "r+" : "w+");
    this.#journal = openSync(path, existsSync(path) ? "r+" : "w+");
    const held = fstatSync(this.#slices).size;
    if (lines.length === 0) this.#write(`${JSON.stringify({ key })}\n`);
    else this.#journalBytes = lines[0]!.length + 1;
    for (const line of lines.slice(1)) {
      const entry = parsed(line);
      if (entry === undefined) break;
      const end = "record" in entry ? this.#bytesWith(entry) : this.#sliceBytes;
      // Slices are synced before their entry; if the disk lost them anyway, this and the later volumes are prepared again.
      if (end > held) break;
      this.#sliceBytes = end;
      this.#keep(entry);
      this.#journalBytes += line.length + 1;
    }
    ftruncateSync(this.#journal, this.#journalBytes);
    ftruncateSync(this.#slices, this.#sliceBytes);
  }

  /** The frame of the first stored volume. */
  get frame(): Frame | null {
    const first = this.entries.find((entry) => "record" in entry);
    return first !== undefined && "record" in first ? first.frame : null;
  }

  get records(): VolumeRecord[] {
    return this.entries.flatMap((entry) => ("record" in entry ? [entry.record] : []));
  }

  get quarantined(): { source: string; reason: string }[] {
    return this.entries.flatMap((entry) => ("record" in entry ? [] : [entry]));
  }

  /** Appends a stored volume. @param voxels its slices, as they are stored */
  store(record: VolumeRecord, frame: Frame, voxels: ArrayBufferView): void {
    if (this.#sliceBytes === 0) this.#append(headerOf(frame, 0));
    this.#append(new Uint8Array(voxels.buffer, voxels.byteOffset, voxels.byteLength));
    this.#note({ record, frame });
  }

  quarantine(source: string, reason: string): void {
    this.#note({ source, reason });
  }

  /** Writes the pending entries. */
  sync(): void {
    this.#synced = performance.now();
    if (this.#pending.length === 0) return;
    naming(this.#slicesFile, () => fsyncSync(this.#slices));
    this.#write(this.#pending.join(""));
    this.#pending = [];
  }

  /** Completes the header of slices.npy. */
  finish(): void {
    this.sync();
    const { frame } = this;
    if (frame !== null) writeAll(this.#slices, headerOf(frame, this.count), 0);
    fsyncSync(this.#slices);
  }

  close(): void {
    closeSync(this.#slices);
    closeSync(this.#journal);
  }

  #note(entry: Entry): void {
    this.#keep(entry);
    this.#pending.push(`${JSON.stringify(entry)}\n`);
    if (performance.now() - this.#synced > SYNC_SECONDS * 1000) this.sync();
  }

  #keep(entry: Entry): void {
    this.entries.push(entry);
    if ("record" in entry) this.count += entry.record.count;
  }

  #append(bytes: Uint8Array): void {
    naming(this.#slicesFile, () => writeAll(this.#slices, bytes, this.#sliceBytes));
    this.#sliceBytes += bytes.length;
  }

  #write(text: string): void {
    const bytes = Buffer.from(text);
    naming(this.#journalFile, () => {
      writeAll(this.#journal, bytes, this.#journalBytes);
      fsyncSync(this.#journal);
    });
    this.#journalBytes += bytes.length;
  }

  #bytesWith({ record, frame }: { record: VolumeRecord; frame: Frame }): number {
    const start = this.#sliceBytes === 0 ? headerOf(frame, 0).length : this.#sliceBytes;
    return start + record.count * frame.height * frame.width * storeBytes[frame.dtype];
  }
}

function writeAll(descriptor: number, bytes: Uint8Array, position: number): void {
  // One call to the operating system takes at most 2 GiB.
  for (let done = 0; done < bytes.length;)
    done += writeSync(descriptor, bytes, done, Math.min(bytes.length - done, 2 ** 30), position + done);
}

/** The complete lines; a truncated last line is left out. */
function wholeLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; ;) {
    const end = bytes.indexOf(10, start);
    if (end < 0) return lines;
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
}

function keyOf(line: Buffer): string | undefined {
  try {
    return (JSON.parse(line.toString()) as { key?: string }).key;
  } catch (error) {
    return codeOf(error);
  }
}

function parsed(line: Buffer): Entry | undefined {
  try {
    return JSON.parse(line.toString()) as Entry;
  } catch {
    return undefined;
  }
}
