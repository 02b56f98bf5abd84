/** The trainings of a study in order, and the source of the slice stage of each. */
import { join } from "node:path";
import type { RunConfig } from "../config/types.js";
import { fewerTraining } from "../data/split/training-share.js";
import type { Split } from "../data/split/split.js";
import type { Dataset } from "../data/store.js";
import { taskOf } from "../data/task.js";
import { sliceStageKey } from "../train/slice-from.js";
import type { Ablation, Variant } from "./ablation-file.js";

export interface Step {
  variant: Variant;
  seed: number;
  /** The fold of the cross-validation, counted from 0; null for a single split. */
  fold: number | null;
  /** The share of the labelled training subjects, above 0 and at most 1. */
  share: number;
  /** The split with that share of the training set. */
  split: Split;
  /** The number of training volumes. */
  trainVolumes: number;
  config: RunConfig;
  /** The run folder. */
  run: string;
  /** The run of an earlier step that has the same slice stage; null if there is none, or it is trained here. */
  sliceFrom: string | null;
}

export interface StepOptions {
  /** Shares of the labelled training subjects, largest first; default: all subjects. */
  shares?: readonly number[];
  /** The slice stage of the largest share is also used for smaller ones, as if only slices were labelled. */
  slicesOfAll?: boolean;
}

/** Ordered by seed and fold, so that the results of fewer seeds are complete before the next seed begins. */
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
          const sliceFrom = stage === null ? null : (donors.get(stage) ?? null);
          if (stage !== null && sliceFrom === null) donors.set(stage, run);
          return { variant, seed, fold, share, split, trainVolumes, config, run, sliceFrom };
        });
      });
    }),
  );
}
