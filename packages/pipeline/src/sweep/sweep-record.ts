/** sweep.json: what a sweep consists of, recorded when it is started. */
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
  /** Hashes of the splits, one per fold. */
  splits: z.array(z.string()).min(1),
  seeds: z.array(z.int().min(0)).min(1),
  /** [null] if the data set has a single split. */
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

/** @throws SweepError if the folder is not that of a sweep, or its record is damaged */
export function readSweepRecord(folder: string): SweepRecord {
  const { record } = sweepPaths(folder);
  if (!existsSync(record))
    throw new SweepError(
      folder,
      "is not the folder of a sweep: it has no sweep.json",
      "Pass the folder of a sweep that has been started.",
    );
  try {
    return recordSchema.parse(openSealed(readFileSync(record, "utf8")).value);
  } catch (error) {
    const problem = error instanceof z.ZodError ? error.issues[0]?.message : (error as Error).message;
    throw new SweepError(record, `expected the record of a sweep (${problem})`, "Restore the file.");
  }
}
