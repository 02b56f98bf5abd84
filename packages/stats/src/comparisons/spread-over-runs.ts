/**
 * How a score varies from run to run: seeds, splits, folds. This is a different question from the interval of one test
 * set, which is about other subjects; the two are reported separately and never added.
 */
import tCdf from "@stdlib/stats-base-dists-t-cdf";
import tQuantile from "@stdlib/stats-base-dists-t-quantile";
import { RangeOfParameterError, ShapeError } from "../errors.js";
import { METRICS, type MetricName } from "../metrics/scorer.js";
import { checkLevel, noInterval, type Estimate } from "../intervals/interval.js";

/** Scores of several runs of one recipe. */
export interface RunSpread {
  runs: number;
  mean: number;
  /** sample standard deviation (divided by runs - 1); NaN for one run */
  standardDeviation: number;
  lowest: number;
  highest: number;
}

/**
 * Mean and SD of a metric over runs. The SD describes a single run, not the mean.
 * @returns NaN throughout where a run has no value (a class absent from a fold): a mean over the others would hide it
 * @throws ShapeError for no runs
 */
export function runSpread(values: readonly number[]): RunSpread {
  if (values.length === 0) throw new ShapeError("runSpread: values", "at least one run", "none");
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return {
    runs: values.length,
    mean,
    standardDeviation: Math.sqrt(sampleVariance(values, mean)),
    lowest: Math.min(...values),
    highest: Math.max(...values),
  };
}

/** The spread of every metric over runs. @throws ShapeError for no runs */
export function metricSpread(
  runs: readonly Readonly<Record<MetricName, number>>[],
): Record<MetricName, RunSpread> {
  return Object.fromEntries(METRICS.map((name) => [name, runSpread(runs.map((run) => run[name]))])) as Record<
    MetricName,
    RunSpread
  >;
}

function sampleVariance(values: readonly number[], mean: number): number {
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}

export interface CorrectedTest {
  difference: Estimate;
  /** of the mean difference, with the correction */
  standardError: number;
  t: number;
  degreesOfFreedom: number;
  /** two-sided */
  p: number;
}

/** Differences that vary by less than this are equal up to rounding. */
const NO_SPREAD = 1e-12;

/**
 * Corrected resampled t-test over the folds of a (repeated) cross-validation. Folds share training subjects, so the
 * plain t-test finds differences that do not exist; the variance is enlarged from 1/k to 1/k + test/train. Nadeau &
 * Bengio, Machine Learning 52 (2003) 239; for repeated k-fold: Bouckaert & Frank, PAKDD 2004.
 * @param differences first model minus second, on each fold of each repetition
 * @param trainSubjects mean number per fold   @param testSubjects mean number per fold
 * @returns p = 1 where all differences are 0, NaN where all are equal to another number
 * @throws ShapeError for fewer than two folds, RangeOfParameterError
 */
export function correctedResampledTTest(
  differences: readonly number[],
  {
    trainSubjects,
    testSubjects,
    level = 0.95,
  }: { trainSubjects: number; testSubjects: number; level?: number },
): CorrectedTest {
  checkLevel(level);
  if (differences.length < 2)
    throw new ShapeError("corrected t-test: differences", "at least two folds", String(differences.length));
  const bad = differences.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new RangeOfParameterError(
      `differences[${bad}]`,
      "a number (NaN means that a class is missing from the fold)",
      String(differences[bad]),
    );
  for (const [name, size] of Object.entries({ trainSubjects, testSubjects }))
    if (!(size > 0 && Number.isFinite(size)))
      throw new RangeOfParameterError(name, "a number > 0", String(size));
  const folds = differences.length;
  const { mean, standardDeviation } = runSpread(differences);
  const degreesOfFreedom = folds - 1;
  const standardError = Math.sqrt(1 / folds + testSubjects / trainSubjects) * standardDeviation;
  if (standardDeviation <= NO_SPREAD) {
    const p = Math.abs(mean) <= NO_SPREAD ? 1 : Number.NaN;
    return {
      difference: { value: mean, interval: noInterval(level) },
      standardError,
      t: Number.NaN,
      degreesOfFreedom,
      p,
    };
  }
  const t = mean / standardError;
  const half = tQuantile((1 + level) / 2, degreesOfFreedom) * standardError;
  return {
    difference: {
      value: mean,
      interval: { low: mean - half, high: mean + half, level, method: "t, corrected" },
    },
    standardError,
    t,
    degreesOfFreedom,
    p: 2 * tCdf(-Math.abs(t), degreesOfFreedom),
  };
}
