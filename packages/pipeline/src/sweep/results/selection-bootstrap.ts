/**
 * Estimates the score of the best point, given that it was selected: the bootstrap of Tsamardinos, Greasidou and
 * Borboudakis, Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation, Machine
 * Learning 107 (2018). Subjects are drawn with replacement; the best point of those drawn is scored on the subjects
 * that were left out.
 */
import { defaultBins, metricIndex, Random, Scorer, type MetricName } from "@slicestack/stats";

/** Predictions of a trial for its validation volumes, one entry per volume. */
export interface TrialScores {
  subjects: readonly string[];
  labels: readonly number[];
  probabilities: readonly (readonly number[])[];
}

export interface Candidate {
  point: number;
  trials: readonly TrialScores[];
}

export interface Bounds {
  low: number;
  high: number;
}

export interface SelectionBootstrap {
  resamples: number;
  /** 95 % percentile intervals of each candidate's objective, over subjects. */
  intervals: Map<number, Bounds>;
  /** The objective of the chosen point on subjects not used to choose it, with the 95 % interval; null if undefined. */
  corrected: (Bounds & { value: number }) | null;
  /** How often each point was the best one, as a share of the resamples. */
  picked: Map<number, number>;
}

/** Scores of one trial under weights of the subjects. */
class WeightedTrial {
  private readonly scorer: Scorer;
  private readonly weights: Float64Array;
  private readonly out: Float64Array;

  constructor(
    trial: TrialScores,
    private readonly subjectOf: readonly number[],
    private readonly metric: number,
  ) {
    this.scorer = new Scorer(trial, trial.probabilities[0]?.length ?? 0, defaultBins(trial.labels.length));
    this.weights = new Float64Array(trial.labels.length);
    this.out = new Float64Array(this.scorer.count);
  }

  score(weightOf: (subject: number) => number): number {
    for (const [k, subject] of this.subjectOf.entries()) this.weights[k] = weightOf(subject);
    this.scorer.score(this.weights, this.out);
    return this.out[this.metric]!;
  }
}

/** @param seed of the resampling   @param minimize whether a low objective is better */
export function selectionBootstrap(
  candidates: readonly Candidate[],
  {
    metric,
    minimize,
    seed,
    resamples,
  }: { metric: MetricName; minimize: boolean; seed: number; resamples: number },
): SelectionBootstrap {
  const names = [
    ...new Set(candidates.flatMap(({ trials }) => trials.flatMap(({ subjects }) => subjects))),
  ].sort();
  const numbers = new Map(names.map((name, k) => [name, k]));
  const weighted = candidates.map(({ trials }) =>
    trials.map(
      (trial) =>
        new WeightedTrial(
          trial,
          trial.subjects.map((name) => numbers.get(name)!),
          metricIndex(metric),
        ),
    ),
  );
  const random = new Random(seed);
  const counts = new Int32Array(names.length);
  const inBag = candidates.map((): number[] => []);
  const picks = new Map<number, number>();
  const outOfBag: number[] = [];
  for (let b = 0; b < resamples; b++) {
    counts.fill(0);
    for (let k = 0; k < counts.length; k++) counts[Math.floor(random.uniform(0, counts.length))]!++;
    const values = weighted.map((trials) => meanScore(trials, (subject) => counts[subject]!));
    values.forEach((value, k) => inBag[k]!.push(value));
    const best = bestOf(values, minimize);
    if (best === null) continue;
    picks.set(candidates[best]!.point, (picks.get(candidates[best]!.point) ?? 0) + 1);
    const left = meanScore(weighted[best]!, (subject) => (counts[subject] === 0 ? 1 : 0));
    if (Number.isFinite(left)) outOfBag.push(left);
  }
  return {
    resamples,
    intervals: new Map(candidates.map(({ point }, k) => [point, percentiles(inBag[k]!)])),
    corrected: outOfBag.length === 0 ? null : { value: mean(outOfBag), ...percentiles(outOfBag) },
    picked: new Map([...picks].map(([point, count]) => [point, count / resamples])),
  };
}

/** The mean over the trials whose metric is defined on the resample. */
function meanScore(trials: readonly WeightedTrial[], weightOf: (subject: number) => number): number {
  const values = trials.map((trial) => trial.score(weightOf)).filter(Number.isFinite);
  return values.length === 0 ? NaN : mean(values);
}

function bestOf(values: readonly number[], minimize: boolean): number | null {
  let best: number | null = null;
  for (const [k, value] of values.entries())
    if (
      Number.isFinite(value) &&
      (best === null || (minimize ? value < values[best]! : value > values[best]!))
    )
      best = k;
  return best;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function percentiles(values: readonly number[]): Bounds {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;
  return { low: at(0.025), high: at(0.975) };
}
