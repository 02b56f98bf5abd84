/**
 * The choice among candidates by their validation sets: the simplest one whose mean score over the folds is within one standard
 * error of the best (Breiman et al., Classification and Regression Trees, 1984; Hastie, Tibshirani, Friedman, The Elements of
 * Statistical Learning, 2009, section 7.10), or the mean of all where it is better by its interval.
 */
import { defaultBins, metricIndex, Scorer, type MetricName } from "@slicestack/stats";
import { compareModels } from "../evaluate/compare/models.js";
import { ensembleOf } from "../evaluate/group/ensemble.js";
import type { Predictions } from "../evaluate/predictions.js";
import { CANDIDATES, type CandidateName, type FinalName } from "./folder.js";

/** The predictions of a candidate for the validation set of each fold. */
export interface Validated {
  name: CandidateName;
  folds: readonly Predictions[];
}

export interface CandidateScore {
  name: CandidateName;
  /** On the validation set of each fold. */
  folds: number[];
  mean: number;
  /** Standard deviation over the folds divided by the root of their number. */
  standardError: number;
}

export interface OneStandardError {
  /** The simplest first. */
  scores: CandidateScore[];
  best: CandidateName;
  /** The best mean minus its standard error. */
  limit: number;
  chosen: CandidateName;
}

/** A difference with its 95 % interval over subjects; null if there is none. */
export interface Bounded {
  value: number;
  low: number | null;
  high: number | null;
}

export interface Selected extends OneStandardError {
  metric: MetricName;
  /** The mean of all candidates minus the chosen one, on the joint validation sets of all folds. */
  ensemble: { score: number; chosenScore: number; difference: Bounded; subjects: number } | null;
  final: FinalName;
}

/** @param scores each with at least two folds; higher is better   @throws RangeError without candidates */
export function oneStandardError(
  scores: readonly { name: CandidateName; folds: readonly number[] }[],
): OneStandardError {
  const ranked = CANDIDATES.flatMap((name) => scores.filter((one) => one.name === name)).map(scoreOf);
  const best = ranked.reduce((a, b) => (b.mean > a.mean ? b : a));
  const limit = best.mean - best.standardError;
  const chosen = ranked.find(({ mean }) => mean >= limit) ?? best;
  return { scores: ranked, best: best.name, limit, chosen: chosen.name };
}

function scoreOf({ name, folds }: { name: CandidateName; folds: readonly number[] }): CandidateScore {
  const mean = folds.reduce((sum, score) => sum + score, 0) / folds.length;
  const squares = folds.reduce((sum, score) => sum + (score - mean) ** 2, 0);
  const standardError = Math.sqrt(squares / (folds.length - 1) / folds.length);
  return { name, folds: [...folds], mean, standardError };
}

/** @param options `seed` of the bootstrap */
export function select(
  validated: readonly Validated[],
  metric: MetricName,
  options: { classes: readonly string[]; seed: number },
): Selected {
  const scores = validated.map(({ name, folds }) => ({ name, folds: folds.map((one) => metricOf(one, metric)) }));
  const choice = oneStandardError(scores);
  if (validated.length < 2) return { ...choice, metric, ensemble: null, final: choice.chosen };
  const [chosen, ensemble] = [joint(validated.filter(({ name }) => name === choice.chosen)), joint(validated)];
  const { metrics, subjects } = compareModels(ensemble, chosen, options);
  const { value, interval } = metrics[metric];
  const [low, high] = [interval.low, interval.high].map((bound) => (Number.isFinite(bound) ? bound : null));
  const difference: Bounded = { value, low: low ?? null, high: high ?? null };
  const isBetter = difference.low !== null && difference.low > 0;
  return {
    ...choice,
    metric,
    ensemble: { score: metricOf(ensemble, metric), chosenScore: metricOf(chosen, metric), difference, subjects },
    final: isBetter ? "ensemble" : choice.chosen,
  };
}

/** The mean probabilities of the candidates for the volumes of all folds, each predicted by models that did not train on it. */
export function joint(validated: readonly Validated[]): Predictions {
  const model = validated.length === 1 ? validated[0]!.name : "ensemble";
  return meanOf(
    validated.map(({ folds }) => ensembleOf(folds.map((one) => [{ ...one, model }]))[0]!),
    model,
  );
}

/** The mean probabilities of models for the same volumes. */
export const meanOf = (predictions: readonly Predictions[], model: string): Predictions =>
  ensembleOf(predictions.map((one) => [{ ...one, model }]))[0]!;

export function metricOf({ labels, probabilities }: Predictions, metric: MetricName): number {
  const scorer = new Scorer({ labels, probabilities }, probabilities[0]?.length ?? 0, defaultBins(labels.length));
  const out = new Float64Array(scorer.count);
  scorer.score(new Float64Array(labels.length).fill(1), out);
  return out[metricIndex(metric)]!;
}
