/** The run folder: the paths of its files, and run.json, which records what the run is. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { loadConfig } from "../config/load.js";
import type { StageName } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import { appendText, writeFileAtomic } from "../data/atomic.js";
import { openSealed, sealedJson, sha256Of, type Opened } from "../data/sealed-json.js";
import { notice } from "../engine/notices.js";
import { crossThreads } from "../engine/thread-errors.js";

/** A run folder cannot be used as requested. */
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
    /** The ModelSpec of its model (models/spec.ts). */
    model: join(root, "model.json"),
    metrics: join(root, "metrics.jsonl"),
    predictions: join(root, "predictions.csv"),
    summary: join(root, "metrics.json"),
    /** How its probabilities become decisions (models/decision.ts). */
    decision: join(root, "decision.json"),
    report: join(root, "report.html"),
    figures: join(root, "figures"),
    checkpoints: (stage: StageName) => join(root, "checkpoints", stage),
    best: (stage: StageName) => join(root, "checkpoints", stage, "best.safetensors"),
    /** Names the newest state to resume from. */
    state: (stage: StageName) => join(root, "checkpoints", stage, "last.json"),
    log: join(root, "run.log"),
  };
}

const importedSchema = z.object({
  /** Name of the file, and its SHA-256. */
  file: z.string(),
  sha256: z.string(),
  /** The model that was recognised, in words. */
  model: z.string(),
  classes: z.number().int(),
  /** Whether its slices can vote: a two_stage checkpoint lacks the last layer of the slice model. */
  votes: z.boolean(),
  notes: z.array(z.string()),
});
export type ImportedFrom = z.infer<typeof importedSchema>;

export const datasetLocationSchema = z.strictObject({
  directory: z.string(),
  relative: z.string().optional(),
  name: z.string(),
  hash: z.string(),
});

const recordSchema = z.strictObject({
  version: z.literal(1),
  /** null for an imported checkpoint, whose training data are unknown. */
  dataset: datasetLocationSchema.nullable(),
  splitHash: z.string(),
  /** SHA-256 of config.yaml; absent in runs of earlier versions. */
  configSha256: z.string().optional(),
  created: z.string(),
  status: z.enum(["training", "stopped", "trained"]),
  command: z.string(),
  /** The class names of the task. */
  classes: z.array(z.string()),
  versions: z.record(z.string(), z.string()),
  environment: z.record(z.string(), z.string()),
  /** The selection metrics by name, so that the run can be listed without the plug-ins that define them; absent in runs of earlier versions. */
  selectionMetrics: z
    .record(z.string(), z.strictObject({ label: z.string(), lowerIsBetter: z.boolean() }))
    .optional(),
  /** How often the test set was scored. */
  testReads: z.number().int(),
  /** The origin of the weights, if they were not trained here. */
  imported: importedSchema.optional(),
});
export type RunRecord = z.infer<typeof recordSchema>;

/** The entry of `environment` with the peak memory of the training process in bytes. */
export const PEAK_MEMORY = "peak_memory_bytes";

/** The entry of `environment` that names the run whose slice stage was reused instead of being trained here. */
export const SLICE_STAGE_OF = "slice_stage_of";
/** The entry of `environment` with the hash of the split that this stage was trained on, if it had more training volumes than this run. */
export const SLICE_STAGE_SPLIT = "slice_stage_split";

export function writeRecord(run: string, record: RunRecord): void {
  writeFileAtomic(runPaths(run).record, sealedJson(record));
}

/** Appends a line to run.log: what a reader of the run should know besides its numbers. */
export function appendLog(run: string, line: string): void {
  appendText(runPaths(run).log, `${new Date().toISOString()} ${line}\n`);
}

/** @throws RunError if the folder is not a run */
export function readRecord(run: string): RunRecord {
  const file = runPaths(run).record;
  if (!existsSync(file))
    throw new RunError(file, "not found", "Give a run folder that slicestack train has created.");
  let opened: Opened;
  try {
    opened = openSealed(readFileSync(file, "utf8"));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new RunError(
      file,
      `expected the JSON that was written (${problem})`,
      "Put the old file back, or train the run again.",
    );
  }
  const parsed = recordSchema.safeParse(opened.value);
  if (parsed.success && !opened.isSealed)
    notice(
      `${file} was written by an earlier version, without hashes: such runs cannot be checked.`,
      "old run",
    );
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new RunError(
    file,
    `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a run record"}`,
    "Train the run again.",
  );
}

/** @throws RunError if config.yaml has changed since the run began   @throws ConfigError */
export function readRunConfig(run: string): RunConfig {
  const file = runPaths(run).config;
  if (existsSync(runPaths(run).record)) checkConfig(file, readRecord(run).configSha256);
  return loadConfig({ file, isStored: true });
}

/** @param recorded the hash that its run or group has recorded; undefined in those of earlier versions   @throws RunError */
export function checkConfig(file: string, recorded: string | undefined): void {
  if (recorded === undefined || !existsSync(file) || sha256Of(readFileSync(file)) === recorded) return;
  throw new RunError(
    file,
    "was changed after training had begun",
    "Put the old file back. For other settings, train a new run with another --out.",
  );
}
