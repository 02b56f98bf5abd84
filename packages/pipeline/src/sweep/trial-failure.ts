/** failure.json in a trial's folder: why its last attempt failed, for the runner that decides whether to retry. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../data/atomic.js";

const failureSchema = z.object({ name: z.string(), message: z.string(), outOfMemory: z.boolean() });

export type TrialFailure = z.output<typeof failureSchema>;

const fileOf = (folder: string): string => join(folder, "failure.json");

export function writeFailure(folder: string, error: unknown): void {
  const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
  const failure: TrialFailure = { name, message, outOfMemory: isOutOfMemory(error) };
  writeFileAtomic(fileOf(folder), `${JSON.stringify(failure, null, 2)}\n`);
}

/** @returns null if there is none, or if it cannot be read; the exit code must then suffice */
export function readFailure(folder: string): TrialFailure | null {
  try {
    return failureSchema.parse(JSON.parse(readFileSync(fileOf(folder), "utf8")));
  } catch {
    return null;
  }
}

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
