/** The one reading of the test set: the final model, its members, and the baselines. */
import { METRICS } from "@slicestack/stats";
import type { TaskOptions } from "../engine/task-options.js";
import { MAIN_MODEL } from "../evaluate/run-predictions.js";
import { meanPredictions } from "../evaluate/group/ensemble.js";
import { readPredictions, writePredictions, type Predictions } from "../evaluate/predictions.js";
import { summarise, type ModelSummary } from "../evaluate/summary.js";
import { groupPaths } from "../run/group.js";
import { evaluateGroup } from "../tasks/evaluate-group.js";
import type { AutoPaths, CandidateName, FinalName } from "./folder.js";
import type { ModelScores } from "./results.js";

const BASELINES = ["majority", "shortcut"];

/**
 * Evaluates the groups of the final model; members that an interrupted call has scored are not read again. Writes the joint
 * predictions. @throws what evaluateGroup throws
 */
export async function readTestSet(
  paths: AutoPaths,
  { final, members }: { final: FinalName; members: readonly CandidateName[] },
  options: TaskOptions & { command: string },
): Promise<void> {
  const joint: { name: CandidateName; all: Predictions[] }[] = [];
  for (const name of members) {
    await evaluateGroup({ ...options, group: paths.group(name), keepScored: true });
    joint.push({ name, all: readPredictions(groupPaths(paths.group(name)).predictions) });
  }
  const parts = ["val", "test"] as const;
  const found = (all: readonly Predictions[], model: string, part: "val" | "test") =>
    all.find((one) => one.model === model && one.part === part)!;
  const predictions = parts.flatMap((part) => {
    const models = joint.map(({ name, all }) => ({ ...found(all, MAIN_MODEL[name], part), model: name }));
    const mean = final === "ensemble" ? [meanPredictions(models, final)] : [];
    return [...mean, ...models, ...BASELINES.map((model) => found(joint[0]!.all, model, part))];
  });
  writePredictions(paths.predictions, predictions);
}

/** The final model first, then its members, then the baselines, on the test set. */
export function testSummaries(
  paths: AutoPaths,
  options: { classes: readonly string[]; ordinal: boolean; seed: number },
): ModelSummary[] {
  const test = readPredictions(paths.predictions).filter(({ part }) => part === "test");
  return summarise(test, options);
}

export function scoresOf(summaries: readonly ModelSummary[]): ModelScores[] {
  const plain = (value: number) => (Number.isFinite(value) ? value : null);
  return summaries.map(({ model, metrics }) => ({
    model,
    metrics: Object.fromEntries(
      METRICS.map((name) => {
        const { value, interval } = metrics[name];
        return [name, { value: plain(value), low: plain(interval.low), high: plain(interval.high) }];
      }),
    ),
  }));
}
