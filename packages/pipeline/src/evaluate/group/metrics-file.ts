/** metrics.json of a group: all numbers of its evaluation, and the schema of the part that `compare` reads. */
import { z } from "zod";
import type { MetricName, RunSpread } from "@slicestack/stats";
import type { Member } from "../../run/group.js";
import type { Analysis } from "../analysis/analysis.js";
import type { ModelDifference } from "../compare/models.js";
import { parseMetrics, type MetricsFile } from "../metrics-file.js";
import type { ModelSummary } from "../summary.js";
import type { Combination } from "./ensemble.js";

export type ByPart<T> = Record<"test" | "val", T>;
/** By model. */
export type ByModel<T> = Record<string, T>;

/** Scores of one member, on its own parts. */
export interface MemberMetrics
  extends Pick<Member, "name" | "fold" | "seed" | "splitHash">, ByPart<ByModel<Record<MetricName, number>>> {
  /** Subjects that it was trained on. */
  trainSubjects: number;
  /** Subjects that it was scored on. */
  testSubjects: number;
}

/** `metrics.json` of a group. `test`, `val`, `differences` and the analyses are of all members together, as for a run. */
export interface GroupMetrics extends Pick<Analysis, "pairs" | "curves" | "subgroups"> {
  version: 1;
  /** As for a run; `seed` is that of the configuration, `splitHash` is over the splits of all members. */
  run: MetricsFile["run"];
  test: ModelSummary[];
  val: ModelSummary[];
  /** Of the main model from every other one except the majority class, on test. */
  differences: ModelDifference[];
  combination: ByPart<Combination>;
  members: MemberMetrics[];
  /** Over the members. */
  spread: ByPart<ByModel<Record<MetricName, RunSpread>>>;
}

const number = z.number().nullable();
const scores = z.record(z.string(), z.record(z.string(), number));
const schema = z.object({
  version: z.literal(1),
  run: z.object({
    name: z.string(),
    seed: z.number(),
    mainModel: z.string(),
    classes: z.array(z.string()),
    ordinal: z.boolean(),
    dataset: z.object({ name: z.string(), hash: z.string() }),
    splitHash: z.string(),
    labelsShuffled: z.boolean(),
  }),
  combination: z.object({ test: z.object({ kind: z.enum(["mean", "out-of-fold"]) }) }),
  members: z
    .array(
      z.object({
        name: z.string(),
        fold: z.int().nullable(),
        seed: z.int(),
        splitHash: z.string(),
        trainSubjects: z.int(),
        testSubjects: z.int(),
        test: scores,
      }),
    )
    .min(1),
});

export const groupMetricsText = (metrics: GroupMetrics): string => `${JSON.stringify(metrics, null, 2)}\n`;

/** @throws RunError if the file is missing, or is not of this version */
export function readGroupMetrics(path: string): GroupMetrics {
  return parseMetrics(path, schema, "GROUP") as GroupMetrics;
}
