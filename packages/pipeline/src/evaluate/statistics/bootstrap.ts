/**
 * Stratified bootstrap over subjects. The unit is the subject: all its volumes are drawn together, because volumes of
 * one subject are not independent. A resample is a vector of weights, how often each volume was drawn, so that
 * nothing is copied and a statistic is any function of the weights.
 */
import { Random } from "../../data/random.js";
import { ClusteredSubjectsError, RangeOfParameterError, ShapeError } from "../errors.js";
import { bcaInterval } from "./bca.js";
import type { Interval } from "./interval.js";

/** Volumes grouped by subject, subjects grouped by label. */
export interface SubjectGroups {
  /** number of volumes */
  volumes: number;
  /** strata -> subjects -> rows of their volumes */
  strata: readonly (readonly Int32Array[])[];
}

/** Writes K statistics of the weighted sample into `out`. `weights` has one entry a volume. */
export type WeightedStatistics = (weights: Float64Array, out: Float64Array) => void;

/** K statistics of the sample, of each resample and with each subject left out. */
export interface Resampled {
  estimate: Float64Array;
  /** replicates[k] has one value a resample */
  replicates: Float64Array[];
  /** jackknife[k][stratum] has one value a subject */
  jackknife: Float64Array[][];
}

/** Blocks of a stratum that the jackknife leaves out. The sum of their influences has the same skewness, and n² is avoided. */
const MOST_LEFT_OUT = 1000;

/** Published practice and reference.md: 2000 resamples. */
export const DEFAULT_RESAMPLES = 2000;

/** A seeded source of uniform numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  const random = new Random(seed);
  return () => random.uniform();
}

/** Rows of each subject, subjects in the order of their first row. */
export function rowsBySubject(subjects: readonly string[]): Map<string, number[]> {
  const rows = new Map<string, number[]>();
  subjects.forEach((subject, i) => {
    const own = rows.get(subject);
    if (own === undefined) rows.set(subject, [i]);
    else own.push(i);
  });
  return rows;
}

/**
 * Groups volumes by subject and subjects by label. A subject whose volumes disagree counts under its highest label,
 * the most severe grade.
 * @throws ShapeError where lengths differ or there are no volumes
 */
export function groupSubjects(subjects: readonly string[], labels: readonly number[]): SubjectGroups {
  if (subjects.length !== labels.length || labels.length === 0)
    throw new ShapeError("groupSubjects: subjects", `${Math.max(1, labels.length)} values`, String(subjects.length));
  const strata = new Map<number, Int32Array[]>();
  for (const volumes of rowsBySubject(subjects).values()) {
    const label = volumes.reduce((highest, i) => Math.max(highest, labels[i]!), -Infinity);
    const stratum = strata.get(label);
    if (stratum === undefined) strata.set(label, [Int32Array.from(volumes)]);
    else stratum.push(Int32Array.from(volumes));
  }
  return { volumes: labels.length, strata: [...strata.entries()].sort(([a], [b]) => a - b).map(([, s]) => s) };
}

/**
 * Two samples of different subjects as one, the rows of the second after those of the first, each resampled by itself.
 * For differences between parts or between groups.
 */
export function besides(first: SubjectGroups, second: SubjectGroups): SubjectGroups {
  const shifted = second.strata.map((stratum) => stratum.map((rows) => rows.map((row) => row + first.volumes)));
  return { volumes: first.volumes + second.volumes, strata: [...first.strata, ...shifted] };
}

/**
 * What a test that takes volumes as independent asks first.
 * @throws ClusteredSubjectsError where a subject has several volumes
 */
export function checkIndependent(test: string, subjects: readonly string[]): void {
  const several = [...rowsBySubject(subjects)].filter(([, rows]) => rows.length > 1).map(([subject]) => subject);
  if (several.length > 0) throw new ClusteredSubjectsError(test, several);
}

/** True where every subject has one volume, so that volumes are independent and a proportion has a Wilson interval. */
export function oneVolumeEach(groups: SubjectGroups): boolean {
  return groups.strata.every((stratum) => stratum.every((rows) => rows.length === 1));
}

/**
 * Draws subjects with replacement within each stratum, and leaves each out once.
 * Strata of one subject are always drawn and never left out: they add nothing to the spread, which the caller must say.
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
  const jackknife = leaveOneOut(statistics, count, groups);
  const replicates = Array.from({ length: count }, () => new Float64Array(resamples));
  for (let r = 0; r < resamples; r++) {
    draw(groups, random, weights);
    statistics(weights, out);
    for (let k = 0; k < count; k++) replicates[k]![r] = out[k]!;
  }
  return { estimate, replicates, jackknife };
}

function draw(groups: SubjectGroups, random: () => number, weights: Float64Array): void {
  weights.fill(0);
  for (const stratum of groups.strata) {
    for (let i = 0; i < stratum.length; i++) {
      const rows = stratum[Math.floor(random() * stratum.length)]!;
      for (let v = 0; v < rows.length; v++) weights[rows[v]!]! += 1;
    }
  }
}

function leaveOneOut(
  statistics: WeightedStatistics,
  count: number,
  { volumes, strata }: SubjectGroups,
): Float64Array[][] {
  const weights = new Float64Array(volumes).fill(1);
  const out = new Float64Array(count);
  const usable = strata.filter((stratum) => stratum.length > 1).map(leftOutTogether);
  const values = Array.from({ length: count }, () => usable.map((stratum) => new Float64Array(stratum.length)));
  usable.forEach((stratum, s) => {
    stratum.forEach((subjects, i) => {
      for (const rows of subjects) for (const v of rows) weights[v] = 0;
      statistics(weights, out);
      for (const rows of subjects) for (const v of rows) weights[v] = 1;
      for (let k = 0; k < count; k++) values[k]![s]![i] = out[k]!;
    });
  });
  return values;
}

/** Subjects one by one; in a large stratum in blocks, so that the work grows with n and not with n². */
function leftOutTogether(stratum: readonly Int32Array[]): Int32Array[][] {
  const blocks = Array.from({ length: Math.min(stratum.length, MOST_LEFT_OUT) }, (): Int32Array[] => []);
  stratum.forEach((rows, i) => blocks[i % blocks.length]!.push(rows));
  return blocks;
}

/** The interval of statistic k. */
export function resampledInterval(resampled: Resampled, k: number, level: number): Interval {
  return bcaInterval(
    { estimate: resampled.estimate[k]!, replicates: resampled.replicates[k]!, jackknife: resampled.jackknife[k]! },
    level,
  );
}
