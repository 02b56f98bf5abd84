/** The shares of stored values over a range: how a volume's values are compared with those of others. */
import type { StoreArray } from "./store-dtype.js";

export const HISTOGRAM_BINS = 64;

/** @returns shares that sum to 1; values outside of the range count in the first and the last bin */
export function valueHistogram(values: StoreArray, [low, high]: readonly [number, number]): number[] {
  const counts = new Float64Array(HISTOGRAM_BINS);
  const scale = HISTOGRAM_BINS / (high - low);
  for (let k = 0; k < values.length; k++) {
    const bin = Math.floor((values[k]! - low) * scale);
    counts[Math.max(0, Math.min(HISTOGRAM_BINS - 1, bin))]!++;
  }
  return Array.from(counts, (count) => count / Math.max(1, values.length));
}

/**
 * Wasserstein-1 distance of two histograms of one range, as a share of the range: how far values must move on average to
 * make one into the other.
 */
export function histogramDistance(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  let ahead = 0;
  a.forEach((share, k) => {
    ahead += share - b[k]!;
    sum += Math.abs(ahead);
  });
  return sum / a.length;
}
