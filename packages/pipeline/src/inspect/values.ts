/** The distribution of the values of a volume or a data set: counted once, for percentiles and histograms. */
import type { VoxelArray } from "@slicestack/volume";

export interface ValueFacts {
  /** Finite values. */
  count: number;
  /** NaN and infinite ones. */
  nonFinite: number;
  min: number;
  max: number;
  mean: number;
  standardDeviation: number;
  /** p0.5 … p99.5: the smallest value that this percentage of values does not exceed. */
  percentiles: Record<string, number>;
}

/** Percentiles that are reported for every volume and data set. */
export const PERCENTS = [0.5, 1, 5, 25, 50, 75, 95, 99, 99.5] as const;

/** Fractions are counted in this many bins of equal width. */
const BINS = 65536;
/** Whole numbers are counted exactly, unless they span more than this. */
const MOST_WHOLE = 2 ** 20;

/** Bin k contains the value low + k · step, or for fractions the values that round to it. */
interface Scale {
  low: number;
  step: number;
  bins: number;
  /** Each bin is one whole number, so that counting loses nothing. */
  exact: boolean;
}

export class ValueCounts {
  readonly #counts: Float64Array;
  #nonFinite = 0;
  /** For fractions; for whole numbers they follow from the counts. */
  #moments = { n: 0, sum: 0, squares: 0, least: Infinity, most: -Infinity };

  private constructor(private readonly scale: Scale) {
    this.#counts = new Float64Array(scale.bins);
  }

  /** For whole numbers of at most 16 bits that are added in pieces. */
  static for16Bits(signed: boolean): ValueCounts {
    return new ValueCounts({ low: signed ? -32768 : 0, step: 1, bins: 65536, exact: true });
  }

  /** For values from `least` to `most`. */
  static between(least: number, most: number, whole: boolean): ValueCounts {
    const width = most - least;
    if (whole && width < MOST_WHOLE)
      return new ValueCounts({ low: least, step: 1, bins: width + 1, exact: true });
    return new ValueCounts({
      low: least,
      step: width > 0 ? width / (BINS - 1) : 1,
      bins: BINS,
      exact: false,
    });
  }

  /** Of one array. */
  static of(data: VoxelArray): ValueCounts {
    const signed = data instanceof Int8Array || data instanceof Int16Array;
    const small = signed || data instanceof Uint8Array || data instanceof Uint16Array;
    const counts = small ? ValueCounts.for16Bits(signed) : ValueCounts.between(...rangeOf([data]));
    counts.add(data);
    return counts;
  }

  /** @param data values within the range of the constructor */
  add(data: VoxelArray): void {
    if (this.scale.exact) this.#addWhole(data);
    else this.#addFractions(data);
  }

  #addWhole(data: VoxelArray): void {
    const { low } = this.scale;
    const counts = this.#counts;
    for (let i = 0; i < data.length; i++) {
      const bin = (data[i] as number) - low;
      counts[bin] = (counts[bin] as number) + 1;
    }
  }

  #addFractions(data: VoxelArray): void {
    const { low, step, bins } = this.scale;
    const counts = this.#counts;
    // Relative to the middle, so that the squares keep their precision.
    const middle = low + (step * bins) / 2;
    for (const value of data) {
      if (!Number.isFinite(value)) {
        this.#nonFinite++;
        continue;
      }
      const moments = this.#moments;
      moments.n++;
      moments.sum += value - middle;
      moments.squares += (value - middle) ** 2;
      moments.least = Math.min(moments.least, value);
      moments.most = Math.max(moments.most, value);
      const bin = Math.round((value - low) / step);
      counts[bin] = (counts[bin] as number) + 1;
    }
  }

  /** Finite values. */
  get count(): number {
    return this.scale.exact ? this.#counts.reduce((sum, n) => sum + n, 0) : this.#moments.n;
  }

  /** NaN if there are no values. */
  get least(): number {
    if (!this.exact) return this.#moments.n > 0 ? this.#moments.least : NaN;
    const first = this.#counts.findIndex((n) => n > 0);
    return first < 0 ? NaN : this.scale.low + first;
  }

  get most(): number {
    if (!this.exact) return this.#moments.n > 0 ? this.#moments.most : NaN;
    const last = this.#counts.findLastIndex((n) => n > 0);
    return last < 0 ? NaN : this.scale.low + last;
  }

  /** True if values are whole numbers that are counted exactly. */
  get exact(): boolean {
    return this.scale.exact;
  }

  /** The smallest value that `percent` of all values do not exceed; NaN if there are none. */
  percentile(percent: number): number {
    const wanted = (percent / 100) * this.count;
    let seen = 0;
    for (const [bin, n] of this.#counts.entries()) {
      seen += n;
      if (n > 0 && seen >= wanted) return this.#valueOf(bin);
    }
    return NaN;
  }

  /** The number of values from each edge to the next, which is excluded; edges ascend. */
  between(edges: readonly number[]): number[] {
    const result = new Array<number>(Math.max(0, edges.length - 1)).fill(0);
    let k = 0;
    for (const [bin, n] of this.#counts.entries()) {
      if (n === 0) continue;
      const value = this.#valueOf(bin);
      while (k < result.length && value >= edges[k + 1]!) k++;
      if (k < result.length && value >= edges[k]!) result[k] = result[k]! + n;
    }
    return result;
  }

  facts(): ValueFacts {
    const count = this.count;
    const { mean, variance } = this.#spread(count);
    const percentiles = PERCENTS.map((percent) => [`p${percent}`, this.percentile(percent)] as const);
    return {
      count,
      nonFinite: this.#nonFinite,
      min: this.least,
      max: this.most,
      mean,
      standardDeviation: Math.sqrt(variance),
      percentiles: Object.fromEntries(percentiles),
    };
  }

  #spread(count: number): { mean: number; variance: number } {
    if (count === 0) return { mean: NaN, variance: NaN };
    const { low, step, bins, exact } = this.scale;
    if (!exact) {
      const { sum, squares } = this.#moments;
      return {
        mean: low + (step * bins) / 2 + sum / count,
        variance: Math.max(0, squares / count - (sum / count) ** 2),
      };
    }
    const mean = this.#counts.reduce((sum, n, bin) => sum + n * (low + bin), 0) / count;
    const squares = this.#counts.reduce((sum, n, bin) => sum + n * (low + bin - mean) ** 2, 0);
    return { mean, variance: squares / count };
  }

  /** The first and the last bin of fractions represent the extremes. */
  #valueOf(bin: number): number {
    const value = this.scale.low + bin * this.scale.step;
    return this.exact ? value : Math.min(this.#moments.most, Math.max(this.#moments.least, value));
  }
}

/** Smallest and largest finite value of arrays, 0 and 0 if there is none, and whether all are arrays of whole numbers. */
export function rangeOf(arrays: Iterable<VoxelArray>): [least: number, most: number, whole: boolean] {
  let [least, most, whole] = [Infinity, -Infinity, true];
  for (const data of arrays) {
    whole &&= !(data instanceof Float32Array || data instanceof Float64Array);
    for (const value of data) {
      if (value < least && value !== -Infinity) least = value;
      if (value > most && value !== Infinity) most = value;
    }
  }
  return least <= most ? [least, most, whole] : [0, 0, whole];
}
