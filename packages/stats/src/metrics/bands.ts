/** ROC and precision-recall curves with pointwise intervals. */
import { smallestClass } from "../intervals/balanced-size.js";
import { RangeOfParameterError } from "../errors.js";
import { groupSubjects, resampleSubjects, sampledOf, seededRandom } from "../intervals/bootstrap.js";
import type { Estimate } from "../intervals/interval.js";
import { estimateOf } from "../intervals/sampled.js";
import { checkScored, type Scored } from "./check.js";
import { precisionAt, rank, sensitivityAt } from "./ranking.js";

export interface BandOptions {
  /** the class that is compared with the rest */
  of: number;
  seed: number;
  /** ascending values 0..1 at which the curve is evaluated; 0, 0.02, ..., 1 by default */
  grid?: readonly number[];
  resamples?: number;
  level?: number;
}

/** A curve evaluated on a grid of x. The intervals hold for each x separately, not for the whole curve at once. */
export interface Band {
  x: number[];
  y: Estimate[];
}

const DEFAULT_GRID: readonly number[] = Array.from({ length: 51 }, (_, i) => i / 50);

/**
 * Sensitivity (y) at given false positive rates (x), with intervals by the bootstrap over subjects. Vertical averaging:
 * Macskassy & Provost, ECAI Workshop on ROC Analysis in AI 2004.
 * @returns NaN without positives or negatives   @throws the errors of checkScored, RangeOfParameterError
 */
export function rocBand(scored: Scored, options: BandOptions): Band {
  return band(scored, options, sensitivityAt);
}

/** Precision (y) at given recalls (x), with intervals by the bootstrap over subjects. @throws as rocBand */
export function precisionRecallBand(scored: Scored, options: BandOptions): Band {
  return band(scored, options, precisionAt);
}

function band(scored: Scored, options: BandOptions, read: typeof sensitivityAt): Band {
  const { of, seed, grid = DEFAULT_GRID, resamples, level = 0.95 } = options;
  const classes = checkScored(scored);
  if (!Number.isInteger(of) || of < 0 || of >= classes)
    throw new RangeOfParameterError("of", `a class 0..${classes - 1}`, String(of));
  if (grid.some((x, i) => !(x >= 0 && x <= 1 && (i === 0 || x > grid[i - 1]!))))
    throw new RangeOfParameterError("grid", "ascending values 0..1", grid.join(", "));
  const ranking = rank(
    scored.probabilities.map((row) => row[of]!),
    scored.labels.map((label) => label === of),
  );
  const resampled = resampleSubjects(
    (weights, out) => read(ranking, grid, weights, out),
    grid.length,
    groupSubjects(scored.subjects),
    { random: seededRandom(seed), ...(resamples === undefined ? {} : { resamples }) },
  );
  // A sensitivity is a share of the positive subjects. So is a precision at a given recall, which has that recall's
  // true positives.
  const positives = new Set(scored.subjects.filter((_, i) => scored.labels[i] === of)).size;
  const isPositive = scored.labels.map((label) => (label === of ? 1 : 0));
  const smallest = smallestClass({ labels: isPositive, subjects: scored.subjects }, 2);
  return {
    x: [...grid],
    y: grid.map((_, k) => estimateOf(sampledOf(resampled, k, [0, 1], positives, smallest), level)),
  };
}
