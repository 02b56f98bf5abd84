/**
 * Bootstrap over subjects. The unit is the subject: all its volumes are drawn together, because volumes of one subject
 * are not independent. Subjects are drawn regardless of their label: with the number of each label held fixed, as in a
 * stratified bootstrap, the interval of an accuracy or a predictive value would be far too narrow. A resample is a
 * vector of weights (how often each volume was drawn), so nothing is copied, and a statistic is a function of the
 * weights.
 */
import { Random } from "../random.js";
import { ClusteredSubjectsError, RangeOfParameterError, ShapeError } from "../errors.js";
import { noInterval, type IntervalMethod } from "./interval.js";
import { differenceOf, type Range, type Sampled, type SampledDifference } from "./sampled.js";

/** Volumes grouped by subject. */
export interface SubjectGroups {
  /** number of volumes */
  volumes: number;
  /** rows of the volumes of each subject */
  subjects: readonly Int32Array[];
}

/** Writes K statistics of the weighted sample into `out`. `weights` has one entry per volume. */
export type WeightedStatistics = (weights: Float64Array, out: Float64Array) => void;

/** K statistics of the sample and of each resample. */
export interface Resampled {
  estimate: Float64Array;
  /** replicates[k] has one value per resample; NaN where undefined */
  replicates: Float64Array[];
  subjects: number;
  /** true where each subject has one volume */
  independent: boolean;
}

/** 2000 resamples are common in publications. */
export const DEFAULT_RESAMPLES = 2000;

/** A statistic has no standard error where less than this share of its replicates has a value. */
const ENOUGH_REPLICATES = 0.9;

/** Replicates closer together than this differ only by rounding. */
const ROUNDING = 1e-12;

/** A seeded source of uniform numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  const random = new Random(seed);
  return () => random.uniform();
}

/** Rows of each subject, subjects in the order of their first row. */
export function rowsBySubject(subjects: readonly string[]): Map<string, number[]> {
  const rows = new Map<string, number[]>();
  subjects.forEach((subject, i) => {
    const rowsOfSubject = rows.get(subject);
    if (rowsOfSubject === undefined) rows.set(subject, [i]);
    else rowsOfSubject.push(i);
  });
  return rows;
}

/**
 * Subjects in the order of their names, so that the draws do not depend on the order of rows. @throws ShapeError for
 * none
 */
export function groupSubjects(subjects: readonly string[]): SubjectGroups {
  if (subjects.length === 0) throw new ShapeError("groupSubjects: subjects", "at least one", "none");
  const byName = [...rowsBySubject(subjects)].sort(([a], [b]) => (a < b ? -1 : 1));
  return { volumes: subjects.length, subjects: byName.map(([, rows]) => Int32Array.from(rows)) };
}

/**
 * Checks what a test that assumes independent volumes requires.
 * @throws ClusteredSubjectsError where a subject has several volumes
 */
export function checkIndependent(test: string, subjects: readonly string[]): void {
  const several = [...rowsBySubject(subjects)]
    .filter(([, rows]) => rows.length > 1)
    .map(([subject]) => subject);
  if (several.length > 0) throw new ClusteredSubjectsError(test, several);
}

/** True where every subject has one volume, so that volumes are independent. */
export function oneVolumeEach({ subjects }: SubjectGroups): boolean {
  return subjects.every((rows) => rows.length === 1);
}

/**
 * Draws as many subjects as there are, with replacement.
 * @param count K, the number of statistics   @param random uniform in [0, 1), seeded
 */
export function resampleSubjects(
  statistics: WeightedStatistics,
  count: number,
  groups: SubjectGroups,
  { resamples = DEFAULT_RESAMPLES, random }: { resamples?: number; random: () => number },
): Resampled {
  if (!Number.isInteger(resamples) || resamples < 2)
    throw new RangeOfParameterError("resamples", "an integer >= 2", String(resamples));
  const weights = new Float64Array(groups.volumes).fill(1);
  const out = new Float64Array(count);
  statistics(weights, out);
  const estimate = out.slice();
  const replicates = Array.from({ length: count }, () => new Float64Array(resamples));
  for (let r = 0; r < resamples; r++) {
    draw(groups, random, weights);
    statistics(weights, out);
    for (let k = 0; k < count; k++) replicates[k]![r] = out[k]!;
  }
  return { estimate, replicates, subjects: groups.subjects.length, independent: oneVolumeEach(groups) };
}

function draw({ subjects }: SubjectGroups, random: () => number, weights: Float64Array): void {
  weights.fill(0);
  for (let i = 0; i < subjects.length; i++) {
    const rows = subjects[Math.floor(random() * subjects.length)]!;
    for (let v = 0; v < rows.length; v++) weights[rows[v]!]! += 1;
  }
}

/**
 * Statistic k by its bootstrap standard error.
 * @param range the values that it can take
 * @param atBound for a statistic between two bounds: the number of trials that it counts as where all resamples lie at
 *   a bound, as for a perfect model; without it, there is no interval in that case
 * @param smallest for a statistic that ranks the subjects of one class against others: the subjects of the smaller
 *   group. Where subjects have several volumes, the variance is known only as well as that between these
 */
export function sampledOf(
  resampled: Resampled,
  k: number,
  range: Range,
  atBound?: number,
  smallest?: number,
): Sampled {
  const value = resampled.estimate[k]!;
  const { independent } = resampled;
  const subjects = independent ? resampled.subjects : Math.min(resampled.subjects, smallest ?? Infinity);
  // Where subjects have several volumes, the variance between n of them is estimated with n - 1, as in a design effect.
  const enlarged = independent || subjects < 2 ? 1 : Math.sqrt(subjects / (subjects - 1));
  const spread = Number.isFinite(value) ? deviation(resampled.replicates[k]!, value) : Number.NaN;
  const standardError = spread > 0 ? spread * enlarged : spread;
  const degreesOfFreedom = Math.max(1, subjects - 1);
  const rest = { value, range, standardError, degreesOfFreedom, method: methodOf(range) };
  if (typeof range === "string") return { ...rest, trials: Number.NaN };
  const share = (value - range[0]) / (range[1] - range[0]);
  const perfect = Math.min(share, 1 - share) <= ROUNDING;
  if (standardError === 0)
    return { ...rest, trials: perfect && atBound !== undefined ? atBound : Number.NaN };
  const variance = (standardError / (range[1] - range[0])) ** 2;
  return { ...rest, trials: (share * (1 - share)) / variance };
}

function methodOf(range: Range): IntervalMethod {
  if (typeof range !== "string") return "wilson, bootstrap";
  return range === "positive" ? "log t, bootstrap" : "t, bootstrap";
}

/**
 * Standard deviation of the finite replicates; 0 where they differ only by rounding, NaN where too few are finite.
 * @param constant the result is also 0 where nearly all replicates have this value: the balanced accuracy of a constant
 *   model differs only in the few draws in which a class is absent and the mean is taken over the other classes
 */
function deviation(replicates: Float64Array, constant?: number): number {
  const finite = replicates.filter(Number.isFinite);
  if (finite.length < Math.max(2, ENOUGH_REPLICATES * replicates.length)) return Number.NaN;
  const same = finite.filter((value) => Math.abs(value - (constant ?? Number.NaN)) <= ROUNDING).length;
  if (same >= ENOUGH_REPLICATES * finite.length) return 0;
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  const variance = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (finite.length - 1);
  return Math.sqrt(variance) <= ROUNDING ? 0 : Math.sqrt(variance);
}

/** Correlation of two statistics over the resamples in which both have a value; 0 where one never varies. */
export function correlationOf({ replicates }: Resampled, k: number, l: number): number {
  const [x, y] = [replicates[k]!, replicates[l]!];
  let [n, meanX, meanY, xx, yy, xy] = [0, 0, 0, 0, 0, 0];
  for (let r = 0; r < x.length; r++) {
    if (!Number.isFinite(x[r]! - y[r]!)) continue;
    n++;
    const [dx, dy] = [x[r]! - meanX, y[r]! - meanY];
    meanX += dx / n;
    meanY += dy / n;
    xx += dx * (x[r]! - meanX);
    yy += dy * (y[r]! - meanY);
    xy += dx * (y[r]! - meanY);
  }
  const product = Math.sqrt(xx * yy);
  return product > ROUNDING ** 2 ? Math.max(-1, Math.min(1, xy / product)) : 0;
}

/**
 * Statistic k, known as `first`, minus statistic l, known as `second`, on the same subjects.
 * @returns no interval where the difference is the same in every resample: p is then 1 where the two are equal
 */
export function pairedDifference(
  resampled: Resampled,
  [k, first]: readonly [number, Sampled],
  [l, second]: readonly [number, Sampled],
  level: number,
): SampledDifference {
  // The correlation is estimated, even that of two shares.
  const mostDegrees = Math.max(1, resampled.subjects - 1);
  const limited = (sampled: Sampled): Sampled => ({
    ...sampled,
    degreesOfFreedom: Math.min(mostDegrees, sampled.degreesOfFreedom),
  });
  const result = differenceOf(limited(first), limited(second), correlationOf(resampled, k, l), level);
  const differences = resampled.replicates[k]!.map((value, r) => value - resampled.replicates[l]![r]!);
  const { value } = result.difference;
  // If one model is always right and the other always wrong, neither varies, but each still has an interval.
  const neitherVaries = first.standardError === 0 && second.standardError === 0 && Math.abs(value) > ROUNDING;
  if (neitherVaries || deviation(differences) !== 0) return result;
  return {
    difference: { value, interval: noInterval(level) },
    p: Math.abs(value) <= ROUNDING ? 1 : Number.NaN,
  };
}
