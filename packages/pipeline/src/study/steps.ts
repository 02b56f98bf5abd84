/** What an ablation trains, in order, and where each training finds its slice stage. */
import { join } from "node:path";
import type { RunConfig } from "../config/types.js";
import type { Split } from "../data/split/split.js";
import { sliceStageKey } from "../train/slice-from.js";
import type { Ablation, Variant } from "./file.js";

export interface Step {
  variant: Variant;
  seed: number;
  /** Of the cross-validation, from 0 on; null for one split. */
  fold: number | null;
  split: Split;
  config: RunConfig;
  /** The run folder. */
  run: string;
  /** The run of an earlier step that has the same slice stage; null = none, or it is trained here. */
  sliceFrom: string | null;
}

/** Seed by seed and fold by fold, so that a table of fewer seeds is whole before the next seed begins. */
export function stepsOf(ablation: Ablation, splits: readonly Split[], out: string): Step[] {
  return ablation.seeds.flatMap((seed) =>
    splits.flatMap((split, k) => {
      const donors = new Map<string, string>();
      return ablation.variants.map((variant): Step => {
        const config = ablation.configOf(variant, seed);
        const fold = splits.length === 1 ? null : k;
        const run = join(out, "runs", variant.name, fold === null ? `seed${seed}` : `seed${seed}-fold${fold}`);
        const stage = sliceStageKey(config);
        const sliceFrom = config.method === "3d" ? null : (donors.get(stage) ?? null);
        if (config.method !== "3d" && sliceFrom === null) donors.set(stage, run);
        return { variant, seed, fold, split, config, run, sliceFrom };
      });
    }),
  );
}
