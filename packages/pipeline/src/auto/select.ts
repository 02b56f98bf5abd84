/**
 * The choice among candidates by their validation sets: the simplest one whose mean score over the folds is within one standard
 * error of the best (Breiman et al., Classification and Regression Trees, 1984; Hastie, Tibshirani, Friedman, The Elements of
 * Statistical Learning, 2009, section 7.10), or the mean of all where it is better by its interval.
 */
import { defaultBins, metricIndex, Scorer, type MetricName } from "@slicestack/stats";
import { compareModels } from "../evaluate/compare/models.js";
import { ensembleOf, meanPredictions } from "../evaluate/group/ensemble.js";
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
  /** The mean of all candidates minus the chosen one: the mean over the folds. */
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
  const mean = meanOver(folds);
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
  const scores = validated.map(({ name, folds }) => ({
    name,
    folds: folds.map((one) => metricOf(one, metric)),
  }));
  const choice = oneStandardError(scores);
  if (validated.length < 2) return { ...choice, metric, ensemble: null, final: choice.chosen };
  const chosen = validated.find(({ name }) => name === choice.chosen)!.folds;
  const ensemble = chosen.map((_, k) =>
    meanPredictions(
      validated.map(({ folds }) => folds[k]!),
      "ensemble",
    ),
  );
  const difference = differenceOf(ensemble, chosen, metric, options);
  const meanScore = (folds: readonly Predictions[]) => meanOver(folds.map((one) => metricOf(one, metric)));
  const subjects = new Set(chosen.flatMap((fold) => fold.subjects)).size;
  return {
    ...choice,
    metric,
    ensemble: { score: meanScore(ensemble), chosenScore: meanScore(chosen), difference, subjects },
    final: difference.low !== null && difference.low > 0 ? "ensemble" : choice.chosen,
  };
}

/**
 * The mean over the folds of the paired difference. Probabilities of two folds come from two models, whose scales differ, so
 * that volumes are compared within their fold only. Folds share no subject; the distances to the bounds combine as independent
 * ones (MOVER: Zou, Donner, Statistics in Medicine 27, 2008).
 */
function differenceOf(
  first: readonly Predictions[],
  second: readonly Predictions[],
  metric: MetricName,
  options: { classes: readonly string[]; seed: number },
): Bounded {
  const differences = first.map((one, k) => {
    return compareModels(one, { ...second[k]!, model: "chosen" }, options).metrics[metric];
  });
  const value = meanOver(differences.map((one) => one.value));
  const reach = (distances: readonly number[]) => Math.hypot(...distances) / distances.length;
  const below = reach(differences.map((one) => one.value - one.interval.low));
  const above = reach(differences.map((one) => one.interval.high - one.value));
  const isKnown = differences.every(({ interval }) => interval.method !== "none");
  return isKnown && Number.isFinite(below + above)
    ? { value, low: value - below, high: value + above }
    : { value, low: null, high: null };
}

const meanOver = (values: readonly number[]): number =>
  values.reduce((sum, one) => sum + one, 0) / values.length;

/** The mean probabilities of the candidates for the volumes of all folds, each predicted by models that did not train on it. */
export function joint(validated: readonly Validated[]): Predictions {
  const model = validated.length === 1 ? validated[0]!.name : "ensemble";
  return meanPredictions(
    validated.map(({ folds }) => ensembleOf(folds.map((one) => [{ ...one, model }]))[0]!),
    model,
  );
}

export function metricOf({ labels, probabilities }: Predictions, metric: MetricName): number {
  const scorer = new Scorer(
    { labels, probabilities },
    probabilities[0]?.length ?? 0,
    defaultBins(labels.length),
  );
  const out = new Float64Array(scorer.count);
  scorer.score(new Float64Array(labels.length).fill(1), out);
  return out[metricIndex(metric)]!;
}
