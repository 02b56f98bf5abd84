/** A run that takes its slice stage from another one: several heads, and the slices' vote, on one slice model. */
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { configToFile } from "../config/to-yaml.js";
import type { RunConfig } from "../config/types.js";
import { writeFileAtomic } from "../data/atomic.js";
import { readSplit, type Split } from "../data/split/split.js";
import { fileHashSync } from "../data/hash.js";
import { checkRecorded, hashFileOf } from "../weights/recorded.js";
import {
  appendLog,
  readRecord,
  readRunConfig,
  RunError,
  runPaths,
  SLICE_STAGE_OF,
  SLICE_STAGE_SPLIT,
} from "../run/folder.js";
import { isFinished } from "./checkpoint.js";
import { rowsOf } from "./metrics-log.js";

/** All that the slice stage depends on, as text: two runs on one split with the same have the same slice stage. */
export function sliceStageKey(config: RunConfig): string {
  const { task, transform, slice, seed, overfit, checkpoint, init_from, device, precision } = configToFile(config);
  const { vote: _, vote_k: __, ...trained } = slice as Record<string, unknown>;
  const start = { checkpoint, init_from };
  return JSON.stringify({ task, transform, slice: trained, seed, overfit, ...start, device, precision });
}

/**
 * Checks that `donor` has the very slice stage that this run would train, or one on more volumes: where only slices are
 * labelled, the trunk may learn from them, as long as val and test are the same.
 * @returns what run.json says of it, and what copies it into the run: weights, and the rows of its epochs   @throws RunError
 */
export function planSliceStage(
  donor: string,
  config: RunConfig,
  { split, datasetHash }: { split: Split; datasetHash: string },
): { environment: Record<string, string>; take: (run: string) => void } {
  const from = runPaths(donor);
  const record = readRecord(donor);
  const refuse = (problem: string): never => {
    throw new RunError(donor, problem, "Take the slice stage of a run with the same settings, or train it anew.");
  };
  if (config.method === "3d") refuse("has slices, and a 3D run has no slice stage to take");
  if (record.dataset?.hash !== datasetHash) refuse("was trained on another data set");
  const donated = readSplit(from.split);
  if (donated.hash !== record.splitHash || !isWithin(split, donated)) refuse("was trained on another split");
  const more = donated.parts.train.length - split.parts.train.length;
  if (sliceStageKey(readRunConfig(donor)) !== sliceStageKey(config)) refuse("has another slice stage than this one's");
  if (!existsSync(from.best("slice")) || !sliceStageIsWhole(donor)) refuse("has not finished its slice stage");
  checkRecorded(from.best("slice"), fileHashSync(from.best("slice")));
  // A donor may have taken it from another run itself.
  const trainedOn = record.environment[SLICE_STAGE_SPLIT] ?? donated.hash;
  const environment = {
    [SLICE_STAGE_OF]: resolve(donor),
    ...(trainedOn === split.hash ? {} : { [SLICE_STAGE_SPLIT]: trainedOn }),
  };
  const take = (run: string) => {
    const to = runPaths(run);
    mkdirSync(dirname(to.best("slice")), { recursive: true });
    for (const file of [hashFileOf(from.best("slice")), from.best("slice")])
      if (existsSync(file)) copyFileSync(file, join(dirname(to.best("slice")), basename(file)));
    // Without an epoch there are no rows.
    if (existsSync(from.metrics))
      writeFileAtomic(
        to.metrics,
        rowsOf(from.metrics, ({ stage }) => stage === "slice"),
      );
    appendLog(
      run,
      `slice stage taken from ${from.root}${more === 0 ? "" : `, which saw ${more} more training volumes`}`,
    );
  };
  return { environment, take };
}

/** The same val and test, and no training volume that the other lacks. */
function isWithin({ parts }: Split, { parts: other }: Split): boolean {
  const same = (part: "val" | "test") => parts[part].join("\n") === other[part].join("\n");
  const others = new Set(other.train);
  return same("val") && same("test") && parts.train.every((id) => others.has(id));
}

/** Its own, or one that it took over. */
function sliceStageIsWhole(run: string): boolean {
  const { status, environment } = readRecord(run);
  return status === "trained" || SLICE_STAGE_OF in environment || isFinished(run, "slice");
}
