/** The run folder: its files, and run.json, which says what the run is. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { loadConfig } from "../config/load.js";
import type { StageName } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import { appendWhole, writeFileAtomic } from "../data/atomic.js";
import { openSealed, sealedJson, sha256Of, type Opened } from "../data/sealed-json.js";
import { notice } from "../engine/notices.js";
import { crossThreads } from "../engine/thread-errors.js";

/** A run folder that cannot be used as asked. */
export class RunError extends Error {
  override readonly name = "RunError";
  constructor(
    readonly path: string,
    problem: string,
    remedy: string,
  ) {
    super(`${path}: ${problem}. ${remedy}`);
  }
}

crossThreads(import.meta.url, RunError);

export type { StageName };

export function runPaths(run: string) {
  const root = resolve(run);
  return {
    root,
    config: join(root, "config.yaml"),
    split: join(root, "split.json"),
    record: join(root, "run.json"),
    /** The contract of its model (models/spec.ts). */
    model: join(root, "model.json"),
    metrics: join(root, "metrics.jsonl"),
    predictions: join(root, "predictions.csv"),
    summary: join(root, "metrics.json"),
    report: join(root, "report.html"),
    figures: join(root, "figures"),
    checkpoints: (stage: StageName) => join(root, "checkpoints", stage),
    best: (stage: StageName) => join(root, "checkpoints", stage, "best.safetensors"),
    /** Names the newest state to go on from. */
    state: (stage: StageName) => join(root, "checkpoints", stage, "last.json"),
    log: join(root, "run.log"),
  };
}

const importedSchema = z.object({
  /** Name of the file, and its SHA-256. */
  file: z.string(),
  sha256: z.string(),
  /** What it was found to be, in words. */
  model: z.string(),
  classes: z.number().int(),
  /** Whether its slices can vote: a two_stage checkpoint has no last layer of the slice model. */
  votes: z.boolean(),
  notes: z.array(z.string()),
});
export type ImportedFrom = z.infer<typeof importedSchema>;

export const datasetPlaceSchema = z.strictObject({
  directory: z.string(),
  relative: z.string().optional(),
  name: z.string(),
  hash: z.string(),
});

const recordSchema = z.strictObject({
  version: z.literal(1),
  /** null: an imported checkpoint, of which it is not known what it was trained on. */
  dataset: datasetPlaceSchema.nullable(),
  splitHash: z.string(),
  /** SHA-256 of config.yaml; runs of earlier versions have none. */
  configSha256: z.string().optional(),
  created: z.string(),
  status: z.enum(["training", "stopped", "trained"]),
  command: z.string(),
  /** Class names of the task. */
  classes: z.array(z.string()),
  versions: z.record(z.string(), z.string()),
  environment: z.record(z.string(), z.string()),
  /** Times that the test part was scored. */
  testReads: z.number().int(),
  /** Where the weights are from, where they were not trained here. */
  imported: importedSchema.optional(),
});
export type RunRecord = z.infer<typeof recordSchema>;

/** The entry of `environment` with the most memory that the process of training has held, in bytes. */
export const PEAK_MEMORY = "peak_memory_bytes";

/** Names in `environment` the run whose slice stage was taken over, so that it is not trained here. */
export const SLICE_STAGE_OF = "slice_stage_of";
/** Environment key: the hash of the split that stage was trained on, where it had more training volumes than this run. */
export const SLICE_STAGE_SPLIT = "slice_stage_split";

export function writeRecord(run: string, record: RunRecord): void {
  writeFileAtomic(runPaths(run).record, sealedJson(record));
}

/** A line of run.log: what a reader of the run should know besides its numbers. */
export function appendLog(run: string, line: string): void {
  appendWhole(runPaths(run).log, `${new Date().toISOString()} ${line}\n`);
}

/** @throws RunError where the folder is no run */
export function readRecord(run: string): RunRecord {
  const file = runPaths(run).record;
  if (!existsSync(file)) throw new RunError(file, "not found", "Give a run folder that slicestack train made.");
  let opened: Opened;
  try {
    opened = openSealed(readFileSync(file, "utf8"));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new RunError(
      file,
      `expected JSON as it was written (${problem})`,
      "Put the old file back, or train the run again.",
    );
  }
  const parsed = recordSchema.safeParse(opened.value);
  if (parsed.success && !opened.isSealed)
    notice(`${file} was written by an earlier version, without hashes: such runs cannot be checked.`, "old run");
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new RunError(
    file,
    `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a run record"}`,
    "Train the run again.",
  );
}

/** @throws RunError where config.yaml is not the one that the run began with   @throws ConfigError */
export function readRunConfig(run: string): RunConfig {
  const file = runPaths(run).config;
  if (existsSync(runPaths(run).record)) checkConfig(file, readRecord(run).configSha256);
  return loadConfig({ file, isStored: true });
}

/** @param recorded the hash that its run or group has of it; none in those of earlier versions   @throws RunError */
export function checkConfig(file: string, recorded: string | undefined): void {
  if (recorded === undefined || !existsSync(file) || sha256Of(readFileSync(file)) === recorded) return;
  throw new RunError(
    file,
    "was changed after the training had begun",
    "Put the old file back. For other settings, train a new run with another --out.",
  );
}
