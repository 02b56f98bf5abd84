/** Reuses the slice stage of another run, so that several heads and the vote of slices are based on one slice model. */
import { copyFileSync, existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { makeFolder } from "../data/make-folder.js";
import { configToFile } from "../config/to-yaml.js";
import type { RunConfig } from "../config/types.js";
import { writeFileAtomic } from "../data/atomic.js";
import { readSplit, type Split } from "../data/split/split.js";
import { fileHashSync } from "../data/hash.js";
import { checkRecorded, hashFileOf } from "../weights/recorded-hash.js";
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

/**
 * Everything that the slice stage depends on, as text: two runs with equal text on the same split have the same slice stage.
 * @returns null for a 3D run, which has no slice stage
 */
export function sliceStageKey(config: RunConfig): string | null {
  if (config.method === "3d") return null;
  const { task, transform, slice, seed, overfit, checkpoint, init_from, device, precision } =
    configToFile(config);
  const { vote: _, vote_k: __, ...trained } = slice as Record<string, unknown>;
  const start = { checkpoint, init_from };
  return JSON.stringify({ task, transform, slice: trained, seed, overfit, ...start, device, precision });
}

/**
 * Checks that `donor` has exactly the slice stage that this run would train, or one on more volumes: if only slices are
 * labelled, the trunk may learn from them as long as val and test are the same.
 * @returns the entries for run.json, and a function that copies weights and epoch rows into the run   @throws RunError
 */
export function planSliceStage(
  donor: string,
  config: RunConfig,
  { split, datasetHash }: { split: Split; datasetHash: string },
): { environment: Record<string, string>; take: (run: string) => void } {
  const from = runPaths(donor);
  const record = readRecord(donor);
  const refuse = (problem: string): never => {
    throw new RunError(donor, problem, "Choose a run with the same settings, or train the slice stage here.");
  };
  if (config.method === "3d") refuse("has a slice stage, which a 3D run cannot use");
  if (record.dataset?.hash !== datasetHash) refuse("was trained on another data set");
  const donated = readSplit(from.split);
  if (donated.hash !== record.splitHash || !isWithin(split, donated)) refuse("was trained on another split");
  const more = donated.parts.train.length - split.parts.train.length;
  if (sliceStageKey(readRunConfig(donor)) !== sliceStageKey(config))
    refuse("has a slice stage with other settings");
  if (!existsSync(from.best("slice")) || !sliceStageIsWhole(donor))
    refuse("has not finished its slice stage");
  checkRecorded(from.best("slice"), fileHashSync(from.best("slice")));
  // The donor may itself have reused it from another run.
  const trainedOn = record.environment[SLICE_STAGE_SPLIT] ?? donated.hash;
  const environment = {
    [SLICE_STAGE_OF]: resolve(donor),
    ...(trainedOn === split.hash ? {} : { [SLICE_STAGE_SPLIT]: trainedOn }),
  };
  const take = (run: string) => {
    const to = runPaths(run);
    makeFolder(dirname(to.best("slice")));
    for (const file of [hashFileOf(from.best("slice")), from.best("slice")])
      if (existsSync(file)) copyFileSync(file, join(dirname(to.best("slice")), basename(file)));
    // Without epochs there are no rows.
    if (existsSync(from.metrics))
      writeFileAtomic(
        to.metrics,
        rowsOf(from.metrics, ({ stage }) => stage === "slice"),
      );
    appendLog(
      run,
      `slice stage taken from ${from.root}${more === 0 ? "" : `, which was trained on ${more} more volumes`}`,
    );
  };
  return { environment, take };
}

/** Whether val and test are equal, and all training volumes are among those of the other split. */
function isWithin({ parts }: Split, { parts: other }: Split): boolean {
  const same = (part: "val" | "test") => parts[part].join("\n") === other[part].join("\n");
  const others = new Set(other.train);
  return same("val") && same("test") && parts.train.every((id) => others.has(id));
}

/** Whether its slice stage is complete, be it trained there or reused. */
function sliceStageIsWhole(run: string): boolean {
  const { status, environment } = readRecord(run);
  return status === "trained" || SLICE_STAGE_OF in environment || isFinished(run, "slice");
}
