/** What stands beside the models that a run trained: baselines that look at no slice, and the vote of its slices. */
import type { RunConfig } from "../config/types.js";
import type { TaskVolume } from "../data/task.js";
import type { OpenRun } from "../run/open.js";
import { majorityBaseline } from "./baselines/prior.js";
import { shortcutBaseline } from "./baselines/shortcut.js";
import { predictionKeys, type Predictions } from "./predictions.js";
import { voteBy } from "./votes/vote.js";
import type { SlicePredictions } from "./worker.js";

/** What every model must beat: the majority class, and a regression on numbers that need no look at the slices. */
export function baselinesOf({ task }: OpenRun, test: readonly TaskVolume[]): Predictions[] {
  const { train, val } = task.parts;
  const classes = task.classes.count;
  const labels = train.map(({ label }) => label);
  return (["val", "test"] as const).flatMap((part) => {
    const volumes = part === "val" ? val : test;
    const facts = { part, ...predictionKeys(volumes) };
    return [
      { model: "majority", ...facts, probabilities: majorityBaseline(labels, classes, volumes.length) },
      {
        model: "shortcut",
        ...facts,
        probabilities: shortcutBaseline({ volumes: train, labels }, volumes, classes).probabilities,
      },
    ];
  });
}

/** What each method is about. */
export const MAIN_MODEL: Record<RunConfig["method"], string> = { "2d": "2d_vote", "2.5d": "2.5d", "3d": "3d" };

/** The slices' vote on both parts, by the rule of the configuration. */
export function votesOf(
  { config, task }: OpenRun,
  slices: readonly SlicePredictions[],
  test: readonly TaskVolume[],
): Predictions[] {
  const { vote, voteK: k } = config.slice;
  const val = slices.find(({ part }) => part === "val");
  if (val === undefined) return [];
  const voters = { slices: sliceRows(val), labels: val.labels };
  return slices.map((one) => {
    const volumes = one.part === "val" ? task.parts.val : test;
    const { probabilities } = voteBy(vote, { val: voters, volumes: sliceRows(one), k });
    return { model: "2d_vote", part: one.part, ...predictionKeys(volumes), probabilities };
  });
}

/** What the slices of each volume say: volumes x slices x classes. */
export function sliceRows({ counts, probabilities }: SlicePredictions): Float32Array[][] {
  const classes = probabilities.length / counts.reduce((sum, count) => sum + count, 0);
  let next = 0;
  const row = () => probabilities.subarray(next * classes, ++next * classes);
  return counts.map((count) => Array.from({ length: count }, row));
}
