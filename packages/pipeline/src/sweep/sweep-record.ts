/** sweep.json: what a sweep is, from its begin on. */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { writeFileAtomic } from "../data/atomic.js";
import { openSealed, sealedJson } from "../data/sealed-json.js";
import { datasetLocationSchema } from "../run/folder.js";
import { SweepError } from "./errors.js";
import { sweepPaths } from "./sweep-folder.js";

const recordSchema = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  dataset: datasetLocationSchema,
  /** Hashes of the splits, a split a fold. */
  splits: z.array(z.string()).min(1),
  seeds: z.array(z.int().min(0)).min(1),
  /** [null] where the data set has one split. */
  folds: z.array(z.int().min(0).nullable()).min(1),
  created: z.string(),
  command: z.string(),
  versions: z.record(z.string(), z.string()),
});

export type SweepRecord = z.output<typeof recordSchema>;

export const isBegun = (folder: string): boolean => existsSync(sweepPaths(folder).record);

export function writeSweepRecord(folder: string, record: SweepRecord): void {
  writeFileAtomic(sweepPaths(folder).record, sealedJson(record));
}

/** @throws SweepError where the folder is not a sweep's, or its record is damaged */
export function readSweepRecord(folder: string): SweepRecord {
  const { record } = sweepPaths(folder);
  if (!existsSync(record))
    throw new SweepError(
      folder,
      "is not the folder of a sweep: it has no sweep.json",
      "Give the folder of one that has begun.",
    );
  try {
    return recordSchema.parse(openSealed(readFileSync(record, "utf8")).value);
  } catch (error) {
    const problem = error instanceof z.ZodError ? error.issues[0]?.message : (error as Error).message;
    throw new SweepError(record, `expected the record of a sweep (${problem})`, "Put the old file back.");
  }
}
