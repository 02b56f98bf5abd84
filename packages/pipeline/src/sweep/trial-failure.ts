/** failure.json in a trial's folder: why its last attempt failed, for the runner that decides whether there is another one. */
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

/** null where there is none, or where it cannot be read: the exit code has to do then. */
export function readFailure(folder: string): TrialFailure | null {
  try {
    return failureSchema.parse(JSON.parse(readFileSync(fileOf(folder), "utf8")));
  } catch {
    return null;
  }
}

/** Before each attempt. */
export function clearFailure(folder: string): void {
  if (existsSync(fileOf(folder))) rmSync(fileOf(folder), { force: true });
}

/** libtorch's, the system's, or an error that has one of them as its cause. */
function isOutOfMemory(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++)
    if (at.name === "OutOfMemoryError" || ("code" in at && at.code === "ENOMEM")) return true;
  return false;
}
