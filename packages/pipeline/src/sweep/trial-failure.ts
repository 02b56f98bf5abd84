/** failure.json in a trial's folder: why its last attempt failed, for the runner that decides whether to retry. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../data/atomic.js";
import { diskShortageOf, explained, type Shortage } from "../engine/system-errors.js";

const failureSchema = z.object({
  name: z.string(),
  message: z.string(),
  outOfMemory: z.boolean(),
  /** Set where the disk took no more, which is no fault of the trial. */
  shortage: z.object({ code: z.string(), path: z.string().nullable() }).optional(),
});

export type TrialFailure = z.output<typeof failureSchema>;

const fileOf = (folder: string): string => join(folder, "failure.json");

/** Where the disk is full, the reason may not fit either; `shortageIn` then finds it. */
export function writeFailure(folder: string, error: unknown): void {
  const told = explained(error);
  const { name, message } = told instanceof Error ? told : { name: "Error", message: String(told) };
  const shortage = diskShortageOf(error);
  const more = shortage === null ? {} : { shortage };
  const failure: TrialFailure = { name, message, outOfMemory: isOutOfMemory(error), ...more };
  try {
    writeFileAtomic(fileOf(folder), `${JSON.stringify(failure, null, 2)}\n`);
  } catch (unwritten) {
    if (shortage === null || diskShortageOf(unwritten) === null) throw unwritten;
  }
}

/** As large as the files that a trial cannot do without. */
const PROBE = new Uint8Array(65_536);

/** Writes a file and removes it, to learn whether the disk takes any more. */
export function shortageIn(folder: string): Shortage | null {
  const file = join(folder, "space");
  try {
    writeFileAtomic(file, PROBE);
    rmSync(file);
    return null;
  } catch (error) {
    return diskShortageOf(error);
  }
}

/** @returns null if there is none, or if it cannot be read; the exit code must then suffice */
export function readFailure(folder: string): TrialFailure | null {
  try {
    return failureSchema.parse(JSON.parse(readFileSync(fileOf(folder), "utf8")));
  } catch {
    return null;
  }
}

/** The part that the result of a trial keeps once it is given up. */
export const errorOf = ({
  name,
  message,
  outOfMemory,
}: TrialFailure): Pick<TrialFailure, "name" | "message" | "outOfMemory"> => ({ name, message, outOfMemory });

/** Removes the record of an earlier attempt; called before each one. */
export function clearFailure(folder: string): void {
  if (existsSync(fileOf(folder))) rmSync(fileOf(folder), { force: true });
}

/** Whether memory ran out: an error of libtorch or of the system, possibly as the cause of another error. */
function isOutOfMemory(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++)
    if (at.name === "OutOfMemoryError" || ("code" in at && at.code === "ENOMEM")) return true;
  return false;
}
