/** The predictions of all models of a run: baselines, votes of slices and volume models. */
import { countVoteAt, sliceEvidence, voteBy, type Voters } from "@slicestack/stats";
import { ConfigError } from "../config/errors.js";
import type { RunConfig } from "../config/types.js";
import type { TaskVolume } from "../data/task.js";
import type { Decision } from "../models/decision.js";
import type { RunRecord } from "../run/folder.js";
import type { OpenRun } from "../run/open-run.js";
import { COUNT_VOTE } from "./analysis/analysis.js";
import type { Evidence } from "./analysis/failures.js";
import { countSlices, type SliceCounts } from "./analysis/slice-votes.js";
import { gapNotes } from "./baselines/gaps.js";
import { metadataBaseline } from "./baselines/metadata.js";
import { majorityBaseline } from "./baselines/prior.js";
import { shortcutBaseline } from "./baselines/shortcut.js";
import { predictionKeys, type Predictions } from "./predictions.js";
import { numbersOf, type SubjectTable } from "./subject-table.js";
import type { PredictOutcome, SlicePredictions } from "./predict-job.js";

/** The main model of each method. */
export const MAIN_MODEL: Record<RunConfig["method"], string> = {
  "2d": "2d_vote",
  "2.5d": "2.5d",
  "3d": "3d",
};

/** The volumes of a scored part, and the table with further facts of them. */
export interface ScoredPart {
  part: "val" | "test";
  volumes: readonly TaskVolume[];
  table: SubjectTable;
}

/** Columns whose numbers form a further baseline; none by default. */
export interface BaselineOptions {
  columns: readonly string[];
  /** Of the train part. */
  table: SubjectTable;
  seed: number;
}

export interface Baselines {
  predictions: Predictions[];
  /** which values were missing and filled */
  notes: string[];
}

/** The baselines that every model must beat: the majority class, and regressions on numbers other than the slices. */
export function baselinePredictions(
  { task }: OpenRun,
  parts: readonly ScoredPart[],
  metadata: BaselineOptions,
): Baselines {
  const { train } = task.parts;
  const classes = task.classes.count;
  if (train.length === 0) return { predictions: [], notes: [] }; // an imported checkpoint
  const labels = train.map(({ label }) => label);
  const byPart = parts.map(({ part, volumes, table }): Baselines => {
    const facts = { part, ...predictionKeys(volumes) };
    const shortcut = shortcutBaseline({ volumes: train, labels }, volumes, classes);
    const all = [
      { model: "majority", ...facts, probabilities: majorityBaseline(labels, classes, volumes.length) },
      { model: "shortcut", ...facts, probabilities: shortcut.probabilities },
    ];
    const notes = gapNotes("shortcut", { filled: shortcut.filled, leftOut: [] });
    if (metadata.columns.length === 0) return { predictions: all, notes };
    const metadataResult = metadataBaseline(
      metadata.columns,
      {
        train: { values_NF: numbersOf(metadata.table, train, metadata.columns), labels },
        target: { values_NF: numbersOf(table, volumes, metadata.columns), ...facts },
      },
      // The baseline's interval is not used: it is scored like every other model.
      { classes, seed: metadata.seed, resamples: 2 },
    );
    const { probabilities } = metadataResult;
    return {
      predictions: [...all, { model: "metadata", ...facts, probabilities }],
      notes: [...notes, ...gapNotes("metadata", metadataResult)],
    };
  });
  // The notes are those of the scored part, which is the last one.
  return { predictions: byPart.flatMap(({ predictions }) => predictions), notes: byPart.at(-1)!.notes };
}

/**
 * The slices' vote by the rule of the configuration, and the published count vote beside it.
 * @param keptCount the threshold of the count vote that an earlier evaluation chose, for a model without a validation set
 */
export function votePredictions(
  { config, record }: { config: RunConfig; record: Pick<RunRecord, "imported"> },
  slices: readonly SlicePredictions[],
  parts: readonly ScoredPart[],
  keptCount: Decision["countVote"] = null,
): Predictions[] {
  if (config.method === "3d" || slices.length === 0 || record.imported?.votes === false) return [];
  const { vote, voteK: k } = config.slice;
  const val = valVoters(slices);
  if (val === null && vote === "count" && keptCount === null)
    throw new ConfigError([
      {
        key: "slice.vote",
        message:
          "slice.vote: the threshold of count is chosen on val, which an imported checkpoint does not have; use mean",
      },
    ]);
  const rules = [
    { model: "2d_vote", rule: vote },
    ...(vote === "count" || val === null ? [] : [{ model: COUNT_VOTE, rule: "count" as const }]),
  ];
  return rules.flatMap(({ model, rule }) =>
    slices.flatMap((partSlices) => {
      const volumes = parts.find(({ part }) => part === partSlices.part)?.volumes;
      if (volumes === undefined) return [];
      const rows = sliceRows(partSlices);
      const probabilities =
        rule === "count" && val === null
          ? rows.map((row) => countVoteAt(keptCount!, row))
          : voteBy(rule, { val: val ?? { slices: [], labels: [] }, volumes: rows, k }).probabilities;
      return [{ model, part: partSlices.part, ...predictionKeys(volumes), probabilities }];
    }),
  );
}

/** Slices of val, on which the threshold of the count vote is chosen; null if no slice model votes. */
export function valVoters(slices: readonly SlicePredictions[]): Voters | null {
  const val = slices.find(({ part }) => part === "val");
  return val === undefined ? null : { slices: sliceRows(val), labels: val.labels };
}

export function sliceCounts(slices: readonly SlicePredictions[]): SliceCounts[] {
  return slices.map((partSlices) => countSlices(partSlices, sliceRows(partSlices)));
}

/** The probabilities of each volume's slices: volumes x slices x classes. */
function sliceRows({ counts, probabilities }: SlicePredictions): Float32Array[][] {
  const classes = probabilities.length / counts.reduce((sum, count) => sum + count, 0);
  let next = 0;
  const row = () => probabilities.subarray(next * classes, ++next * classes);
  return counts.map((count) => Array.from({ length: count }, row));
}

/** The main model's slice weights; if slices vote, each slice's probability of the decision. */
export function evidenceOf(
  mainModel: string,
  { evidence, slices }: PredictOutcome,
  main: Predictions | undefined,
): Evidence[] {
  const votes = slices.find(({ part }) => part === main?.part);
  if (mainModel !== "2d_vote" || votes === undefined || main === undefined) return evidence;
  const rows = sliceRows(votes);
  return evidence.map((volumeEvidence, k) => ({
    ...volumeEvidence,
    weights: sliceEvidence(rows[k]!, main.probabilities[k]!),
    word: "slice probability",
  }));
}
