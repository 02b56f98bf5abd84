/** The result of a trial: result.json in its folder, written once. */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { writeFileAtomic } from "../data/atomic.js";
import { SweepError } from "./errors.js";

const number = z.number().nullable();

const resultSchema = z.strictObject({
  version: z.literal(1),
  status: z.enum(["finished", "failed", "pruned"]),
  /** The sweep's objective on the validation set; null if there is none, or if it is undefined. */
  objective: number,
  /** Other validation metrics, by name; null if undefined. */
  metrics: z.record(z.string(), number).default({}),
  /** The number of epochs trained, over all stages. */
  epochs: z.number().default(0),
  seconds: z.number().default(0),
  error: z
    .strictObject({ name: z.string(), message: z.string(), outOfMemory: z.boolean().default(false) })
    .optional(),
});

export type TrialResult = z.output<typeof resultSchema>;

export function writeResult(file: string, result: TrialResult): void {
  writeFileAtomic(file, `${JSON.stringify(result, null, 2)}\n`);
}

/** @returns null if there is none yet   @throws SweepError if the file is damaged */
export function readResult(file: string): TrialResult | null {
  if (!existsSync(file)) return null;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw damaged(file, (error as Error).message);
  }
  const parsed = resultSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw damaged(file, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

const damaged = (file: string, problem: string): SweepError =>
  new SweepError(
    file,
    `expected the result of a trial (${problem})`,
    "Remove the file; the trial will then be scored again.",
  );
