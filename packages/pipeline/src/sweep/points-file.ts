/**
 * points/points.jsonl: the points of a sweep, one per line. Lines are only ever appended, under a lock that is held
 * only while writing, so that `sweep add` works while a controller runs.
 */
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { makeFolder } from "../data/make-folder.js";
import { appendText } from "../data/atomic.js";
import { takePatiently } from "../data/patient-lock.js";
import { SweepError } from "./errors.js";
import { json } from "./space-file.js";
import { POINT_SOURCES, type Point } from "./trial.js";

const settings = z.record(z.string(), json);
export const pointSchema = z.strictObject({
  number: z.int().min(0),
  name: z.string().nullable(),
  values: settings,
  settings,
  source: z.enum(POINT_SOURCES),
});

export class PointsFile {
  private known: Point[] = [];
  /** Bytes of the file that were read, without an incomplete line left by a killed process. */
  private read = 0;

  constructor(readonly path: string) {}

  get points(): readonly Point[] {
    return this.known;
  }

  /** Reads what has been appended since. @returns the new points   @throws SweepError if the file is damaged */
  refresh(): readonly Point[] {
    // A controller asks in each round, and almost always nothing has been added.
    const size = statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= this.read) return [];
    const bytes = readFileSync(this.path).subarray(this.read);
    const end = bytes.lastIndexOf(0x0a) + 1;
    const lines = bytes.subarray(0, end).toString("utf8").split("\n").slice(0, -1);
    const added = lines.map((line, k) => this.pointIn(line, this.known.length + k));
    this.known = [...this.known, ...added];
    this.read += end;
    return added;
  }

  /**
   * Appends the points that `choose` returns for the existing ones: all of them, or none.
   * @throws LockedError if another process holds the file for half a minute
   */
  append(choose: (known: readonly Point[]) => readonly Omit<Point, "number">[]): Point[] {
    const folder = dirname(this.path);
    makeFolder(folder);
    using _lock = takePatiently(folder);
    this.refresh();
    const first = this.known.length;
    const added = choose(this.known).map((point, k): Point => ({ number: first + k, ...point }));
    if (added.length === 0) return [];
    this.cutTornLine();
    const text = added.map((point) => `${JSON.stringify(point)}\n`).join("");
    appendText(this.path, text);
    this.read += Buffer.byteLength(text);
    this.known = [...this.known, ...added];
    return added;
  }

  private cutTornLine(): void {
    if (!existsSync(this.path)) return;
    const descriptor = openSync(this.path, "r+");
    try {
      ftruncateSync(descriptor, this.read);
    } finally {
      closeSync(descriptor);
    }
  }

  private pointIn(line: string, number: number): Point {
    const damaged = (problem: string) =>
      new SweepError(
        this.path,
        `line ${number + 1}: ${problem}`,
        "Restore the file: trials are identified by their points.",
      );
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      throw damaged((error as Error).message);
    }
    const parsed = pointSchema.safeParse(value);
    if (!parsed.success) throw damaged(parsed.error.issues[0]?.message ?? "expected a point");
    if (parsed.data.number !== number)
      throw damaged(`expected point ${number}, received ${parsed.data.number}`);
    return parsed.data;
  }
}
