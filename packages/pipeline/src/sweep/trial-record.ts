/**
 * trials/ID/trial.json and config.yaml: what the process of a trial needs, so that it need not read all other points.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { z } from "zod";
import { makeFolder } from "../data/make-folder.js";
import type { RunConfig } from "../config/types.js";
import { writeFileAtomic } from "../data/atomic.js";
import { SweepError } from "./errors.js";
import { pointSchema } from "./points-file.js";
import { sweepPaths } from "./sweep-folder.js";
import { trialId, type Trial } from "./trial.js";
import { storedConfig } from "../run/stored-config.js";

const trialSchema = z.strictObject({
  version: z.literal(1),
  number: z.int().min(0),
  seed: z.int().min(0),
  fold: z.int().min(0).nullable(),
  point: pointSchema,
});

/** Writes the files that the process of a trial reads; existing files are kept. */
export function writeTrial(sweep: string, trial: Trial, config: RunConfig): void {
  const paths = sweepPaths(sweep).trial(trial.id);
  if (existsSync(paths.record)) return;
  makeFolder(paths.folder);
  writeFileAtomic(paths.config, storedConfig(config, paths.folder));
  const { number, seed, fold, point } = trial;
  writeFileAtomic(paths.record, `${JSON.stringify({ version: 1, number, seed, fold, point }, null, 2)}\n`);
}

/** @param folder trials/ID of a sweep   @throws SweepError if it is not a trial */
export function readTrial(folder: string): { sweep: string; trial: Trial } {
  const root = resolve(folder);
  const sweep = dirname(dirname(root));
  const { record } = sweepPaths(sweep).trial(basename(root));
  const refuse = (problem: string) =>
    new SweepError(folder, problem, "Pass trials/NUMBER in the folder of a sweep.");
  if (!existsSync(record)) throw refuse("is not a trial of a sweep: it has no trial.json");
  try {
    const { version: _, ...rest } = trialSchema.parse(JSON.parse(readFileSync(record, "utf8")));
    return { sweep, trial: { id: trialId(rest.number), ...rest } };
  } catch (error) {
    const problem = error instanceof z.ZodError ? error.issues[0]?.message : (error as Error).message;
    throw refuse(`expected the record of a trial in trial.json (${problem})`);
  }
}
