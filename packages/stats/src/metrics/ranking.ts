/**
 * Metrics of a ranking: how well a score separates positives from negatives, independently of a threshold.
 * Scores are sorted once; the weighted passes are linear, so that 2000 bootstrap resamples cost milliseconds.
 */
import { RangeOfParameterError, ShapeError } from "../errors.js";

/** Scores in descending order, with the row of each. */
export interface Ranking {
  readonly index: Int32Array;
  readonly score: Float64Array;
  /** 1 for a positive, 0 for a negative */
  readonly positive: Uint8Array;
}

/** @throws ShapeError where lengths differ, RangeOfParameterError for a NaN score */
export function rank(scores: readonly number[], positive: readonly boolean[]): Ranking {
  if (scores.length !== positive.length)
    throw new ShapeError(
      "rank: positive",
      `${scores.length} values, as many as scores`,
      `${positive.length}`,
    );
  const bad = scores.findIndex((score) => Number.isNaN(score));
  if (bad >= 0) throw new RangeOfParameterError(`rank: scores[${bad}]`, "a number", "NaN");
  const index = Int32Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b);
  return {
    index,
    score: Float64Array.from(index, (i) => scores[i]!),
    positive: Uint8Array.from(index, (i) => (positive[i] ? 1 : 0)),
  };
}

/**
 * Cumulative weights of positives and negatives at the end of each group of tied scores, from the highest score down.
 */
function walk(
  ranking: Ranking,
  weights: Float64Array | undefined,
  visit: (positives: number, negatives: number, score: number) => void,
): void {
  const { index, score, positive } = ranking;
  let positives = 0;
  let negatives = 0;
  for (let k = 0; k < index.length; k++) {
    const weight = weights === undefined ? 1 : weights[index[k]!]!;
    if (positive[k] === 1) positives += weight;
    else negatives += weight;
    if (k + 1 === index.length || score[k + 1] !== score[k]) visit(positives, negatives, score[k]!);
  }
}

/**
 * Area under the ROC curve: the chance that a positive scores above a negative, ties counting half (Mann-Whitney U).
 * Hanley & McNeil, Radiology 143 (1982) 29.
 * @param weights how often each row counts   @returns 0..1; NaN where there is no positive or no negative
 */
export function auroc(ranking: Ranking, weights?: Float64Array): number {
  let area = 0;
  let positives = 0;
  let negatives = 0;
  walk(ranking, weights, (p, n) => {
    area += ((n - negatives) * (p + positives)) / 2;
    positives = p;
    negatives = n;
  });
  return positives === 0 || negatives === 0 ? Number.NaN : area / (positives * negatives);
}

/** Buffers that aurocAgainstEach reuses, so that the bootstrap allocates nothing. */
export class PairSums {
  readonly area: Float64Array;
  readonly total: Float64Array;
  readonly tied: Float64Array;

  constructor(classes: number) {
    this.area = new Float64Array(classes);
    this.total = new Float64Array(classes);
    this.tied = new Float64Array(classes);
  }
}

/**
 * For each other class, how well the score of class `positive` separates `positive` from that class alone, ties
 * counting half: A(positive | other) of Hand & Till, Machine Learning 45 (2001) 171.
 * @param labels of the rows, 0..C-1   @param out C values; NaN where one of the two has no rows, and for `positive`
 *   itself
 */
export function aurocAgainstEach(
  { index, score }: Ranking,
  positive: number,
  { labels, weights }: { labels: ArrayLike<number>; weights: Float64Array },
  out: Float64Array,
  { area, total, tied }: PairSums = new PairSums(out.length),
): void {
  for (const sums of [area, total, tied]) sums.fill(0);
  for (let k = 0; k < index.length; k++) {
    const row = index[k]!;
    tied[labels[row]!]! += weights[row]!;
    if (k + 1 < index.length && score[k + 1] === score[k]) continue;
    for (let c = 0; c < out.length; c++) area[c]! += tied[c]! * (total[positive]! + tied[positive]! / 2);
    for (let c = 0; c < out.length; c++) total[c]! += tied[c]!;
    tied.fill(0);
  }
  for (let c = 0; c < out.length; c++)
    out[c] = c === positive ? Number.NaN : area[c]! / (total[c]! * total[positive]!);
}

/**
 * Average precision, the step-wise area under the precision-recall curve: Σ (R_k - R_k-1) P_k, without the optimistic
 * interpolation. Davis & Goadrich, ICML 2006. Compare it with the base rate, its value for a random score.
 * @returns 0..1; NaN where there is no positive
 */
export function averagePrecision(ranking: Ranking, weights?: Float64Array): number {
  let sum = 0;
  let positives = 0;
  walk(ranking, weights, (p, n) => {
    if (p > positives) sum += ((p - positives) * p) / (p + n);
    positives = p;
  });
  return positives === 0 ? Number.NaN : sum / positives;
}

/** Points of a ROC curve from (0, 0) to (1, 1), one for each distinct score. */
export interface RocCurve {
  falsePositiveRate: number[];
  truePositiveRate: number[];
  /** A row is called positive at or above this score; Infinity for the first point. */
  threshold: number[];
}

/** Empirical ROC curve; empty where there is no positive or no negative. Fawcett, Pattern Recogn. Lett. 27 (2006). */
export function rocCurve(ranking: Ranking): RocCurve {
  const positives = ranking.positive.reduce((a, b) => a + b, 0);
  const negatives = ranking.positive.length - positives;
  if (positives === 0 || negatives === 0)
    return { falsePositiveRate: [], truePositiveRate: [], threshold: [] };
  const curve: RocCurve = {
    falsePositiveRate: [0],
    truePositiveRate: [0],
    threshold: [Number.POSITIVE_INFINITY],
  };
  walk(ranking, undefined, (p, n, score) => {
    curve.falsePositiveRate.push(n / negatives);
    curve.truePositiveRate.push(p / positives);
    curve.threshold.push(score);
  });
  return curve;
}

/** Points of a precision-recall curve from the highest score down, one for each distinct score. */
export interface PrecisionRecallCurve {
  recall: number[];
  precision: number[];
  /** A row is called positive at or above this score. */
  threshold: number[];
  /** share of positives: the precision of a random score at any recall */
  baseRate: number;
}

/**
 * Empirical precision-recall curve, to be drawn in steps: between its points, precision is not linear. Davis &
 * Goadrich, ICML 2006.
 * @returns no points where there is no positive
 */
export function precisionRecallCurve(ranking: Ranking): PrecisionRecallCurve {
  const total = ranking.positive.reduce((a, b) => a + b, 0);
  const curve: PrecisionRecallCurve = {
    recall: [],
    precision: [],
    threshold: [],
    baseRate: total / ranking.positive.length,
  };
  if (total === 0) return curve;
  walk(ranking, undefined, (p, n, score) => {
    curve.recall.push(p / total);
    curve.precision.push(p / (p + n));
    curve.threshold.push(score);
  });
  return curve;
}

/**
 * Sensitivity at each false positive rate of an ascending grid, by linear interpolation of the ROC curve;
 * NaN without positives or negatives. Written into `out`, so that the bootstrap allocates nothing.
 */
export function sensitivityAt(
  ranking: Ranking,
  grid: readonly number[],
  weights: Float64Array | undefined,
  out: Float64Array,
): void {
  let [totalP, totalN] = [0, 0];
  walk(ranking, weights, (p, n) => ([totalP, totalN] = [p, n]));
  if (totalP === 0 || totalN === 0) {
    out.fill(Number.NaN, 0, grid.length);
    return;
  }
  let [k, x0, y0] = [0, 0, 0];
  walk(ranking, weights, (p, n) => {
    const [x, y] = [n / totalN, p / totalP];
    // A grid point on a vertical segment gets its upper end: the highest sensitivity at this false positive rate.
    for (; k < grid.length && grid[k]! < x; k++) out[k] = y0 + ((grid[k]! - x0) / (x - x0)) * (y - y0);
    [x0, y0] = [x, y];
  });
  for (; k < grid.length; k++) out[k] = 1;
}

/** Precision at the highest threshold that reaches each recall of an ascending grid; NaN without positives. */
export function precisionAt(
  ranking: Ranking,
  grid: readonly number[],
  weights: Float64Array | undefined,
  out: Float64Array,
): void {
  let total = 0;
  walk(ranking, weights, (p) => (total = p));
  out.fill(Number.NaN, 0, grid.length);
  let k = 0;
  walk(ranking, weights, (p, n) => {
    // Volumes of weight 0 are ignored. Rounding of p / total must not put a grid point beyond the last volume.
    for (; k < grid.length && total > 0 && p + n > 0 && p / total >= grid[k]! - 1e-12; k++)
      out[k] = p / (p + n);
  });
}
