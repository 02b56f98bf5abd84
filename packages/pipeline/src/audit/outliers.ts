/** Finds volumes with unusual values, slice count or field of view: often a wrong series, unit or orientation. */
import { medianOf } from "@slicestack/stats";
import type { VolumeRecord } from "../data/volume-record.js";
import type { VolumeFacts } from "./volume-facts.js";

export interface Outlier {
  id: string;
  what: string;
  value: number;
  /** Of all volumes. */
  median: number;
  /** Robust deviations from the median: |value - median| / (1.4826 MAD). */
  deviations: number;
}

/** Iglewicz and Hoaglin (1993) recommend 3.5; scans of several scanners vary more than a normal distribution. */
const LIMIT = 6;

const FIELDS: readonly [string, (volume: VolumeRecord, facts: VolumeFacts) => number][] = [
  ["mean", (_, { mean }) => mean],
  ["standard deviation", (_, { standardDeviation }) => standardDeviation],
  ["1st percentile", (_, { p1 }) => p1],
  ["median", (_, { p50 }) => p50],
  ["99th percentile", (_, { p99 }) => p99],
  ["slice count of the source", ({ original }) => original.shape[2]],
  ["slice spacing (mm)", ({ original }) => original.spacing[2]],
  ["field of view (mm)", ({ original }) => original.shape[0] * original.spacing[0]],
  ["length of the scan (mm)", ({ original }) => original.shape[2] * original.spacing[2]],
];

/** The farthest first. For fields that are equal in more than half of the volumes, the mean deviation is used. */
export function findOutliers(volumes: readonly VolumeRecord[], facts: readonly VolumeFacts[]): Outlier[] {
  if (volumes.length < 10) return [];
  const outliers = FIELDS.flatMap(([what, of]) => {
    const values = volumes.map((volume, k) => of(volume, facts[k]!));
    const median = medianOf(values);
    const spread =
      1.4826 * medianOf(values.map((value) => Math.abs(value - median))) ||
      1.2533 * meanOf(values.map((value) => Math.abs(value - median)));
    if (!(spread > 0)) return [];
    return volumes.flatMap(({ id }, k) => {
      const value = values[k]!;
      const deviations = Math.abs(value - median) / spread;
      return deviations > LIMIT ? [{ id, what, value, median, deviations }] : [];
    });
  });
  return outliers.sort((a, b) => b.deviations - a.deviations);
}

const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
