/** What a study trains, in order, and where each training finds its slice stage. */
import { join } from "node:path";
import type { RunConfig } from "../config/types.js";
import { fewerTraining } from "../data/split/fewer.js";
import type { Split } from "../data/split/split.js";
import type { Dataset } from "../data/store.js";
import { taskOf } from "../data/task.js";
import { sliceStageKey } from "../train/slice-from.js";
import type { Ablation, Variant } from "./ablation-file.js";

export interface Step {
  variant: Variant;
  seed: number;
  /** Of the cross-validation, from 0 on; null for one split. */
  fold: number | null;
  /** Of the labelled training subjects, above 0, to 1. */
  share: number;
  /** With that share of the training part. */
  split: Split;
  /** Volumes that it trains on. */
  trainVolumes: number;
  config: RunConfig;
  /** The run folder. */
  run: string;
  /** The run of an earlier step that has the same slice stage; null = none, or it is trained here. */
  sliceFrom: string | null;
}

export interface StepOptions {
  /** Of the labelled training subjects, largest first; default all of them. */
  shares?: readonly number[];
  /** The slice stage of the largest share serves the smaller ones too: slices have labels where volumes have none. */
  slicesOfAll?: boolean;
}

/** Seed by seed and fold by fold, so that a table of fewer seeds is whole before the next seed begins. */
export function stepsOf(
  ablation: Ablation,
  dataset: Dataset,
  splits: readonly Split[],
  out: string,
  { shares = [1], slicesOfAll = false }: StepOptions = {},
): Step[] {
  return ablation.seeds.flatMap((seed) =>
    splits.flatMap((whole, k) => {
      const fold = splits.length === 1 ? null : k;
      const task = taskOf({ task: ablation.variants[0]!.config.task, seed }, dataset, whole);
      let donors = new Map<string, string>();
      return shares.flatMap((share) => {
        if (!slicesOfAll) donors = new Map();
        const split = fewerTraining(dataset, whole, task.parts.train, { share, seed });
        const ids = new Set(split.parts.train);
        const trainVolumes = task.parts.train.filter(({ id }) => ids.has(id)).length;
        const place = [
          `seed${seed}`,
          ...(fold === null ? [] : [`fold${fold}`]),
          ...(share === 1 ? [] : [`share${share}`]),
          ...(share < 1 && slicesOfAll ? ["all-slices"] : []),
        ].join("-");
        return ablation.variants.map((variant): Step => {
          const config = ablation.configOf(variant, seed);
          const run = join(out, "runs", variant.name, place);
          const stage = sliceStageKey(config);
          const sliceFrom = config.method === "3d" ? null : (donors.get(stage) ?? null);
          if (config.method !== "3d" && sliceFrom === null) donors.set(stage, run);
          return { variant, seed, fold, share, split, trainVolumes, config, run, sliceFrom };
        });
      });
    }),
  );
}
