import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";

/** Numbers that are discarded before the first. */
const WARM_UP = 8;

/**
 * A seeded stream of random numbers (xoroshiro128+): the same seed and calls give the same numbers on every machine.
 */
export class Random {
  private readonly generator: RandomGenerator;
  private spareNormal: number | null = null;

  /** @param seed a safe integer. @throws RangeError for anything else */
  constructor(readonly seed: number) {
    if (!Number.isSafeInteger(seed))
      throw new RangeError(`Random: seed must be a whole number, received ${String(seed)}`);
    this.generator = xoroshiro128plus(avalanche(foldSeed(seed)));
    // The state begins with constants, so the first numbers of neighbouring seeds are alike until they are mixed.
    for (let k = 0; k < WARM_UP; k++) uniformFloat64(this.generator);
  }

  /** Uniform over low (included) to high (excluded). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * uniformFloat64(this.generator);
  }

  /** Normal deviate by the polar method of Marsaglia and Bray (1964). */
  normal(mean = 0, standardDeviation = 1): number {
    if (this.spareNormal !== null) {
      const spare = this.spareNormal;
      this.spareNormal = null;
      return mean + standardDeviation * spare;
    }
    for (;;) {
      const u = this.uniform(-1, 1);
      const v = this.uniform(-1, 1);
      const s = u * u + v * v;
      if (s >= 1 || s === 0) continue;
      const scale = Math.sqrt((-2 * Math.log(s)) / s);
      this.spareNormal = v * scale;
      return mean + standardDeviation * u * scale;
    }
  }

  /**
   * Beta deviate with equal parameters, in 0..1: a ratio of gamma deviates (Marsaglia and Tsang, 2000), computed in
   * logarithms, because small parameters give values that underflow. @param alpha above 0
   */
  beta(alpha: number): number {
    const [first, second] = [this.logGamma(alpha), this.logGamma(alpha)];
    return 1 / (1 + Math.exp(second - first));
  }

  /** Logarithm of a gamma deviate. */
  private logGamma(shape: number): number {
    if (shape < 1) return this.logGamma(shape + 1) + Math.log(1 - this.uniform()) / shape;
    const d = shape - 1 / 3;
    for (;;) {
      const x = this.normal();
      const v = (1 + x / Math.sqrt(9 * d)) ** 3;
      if (v <= 0) continue;
      const bound = (x * x) / 2 + d - d * v + d * Math.log(v);
      if (Math.log(1 - this.uniform()) < bound) return Math.log(d * v);
    }
  }

  /** Whole number from low to high, both included. */
  integer(low: number, high: number): number {
    return uniformInt(this.generator, low, high);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** One element, each equally likely. @throws RangeError where the list is empty */
  pick<T>(items: readonly T[]): T {
    const item = items[items.length > 0 ? this.integer(0, items.length - 1) : 0];
    if (item === undefined) throw new RangeError("Random.pick: the list is empty");
    return item;
  }

  /** Shuffles in place (Fisher-Yates) and returns the same array. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(0, i);
      [items[i], items[j]] = [items[j] as T, items[i] as T];
    }
    return items;
  }

  /**
   * An independent stream for one purpose: depends on this stream's seed and the label, not on what was drawn before.
   */
  fork(label: string | number): Random {
    return new Random(hashText(`${this.seed}/${label}`));
  }
}

/** Reduces a safe integer of up to 53 bits to the generator's 32-bit seed. */
function foldSeed(seed: number): number {
  const high = Math.floor(seed / 0x1_0000_0000);
  return (seed ^ Math.imul(high, 0x9e3779b1)) | 0;
}

/** FNV-1a over UTF-16 code units with a final avalanche, so that similar labels give unrelated seeds. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return avalanche(hash) >>> 0;
}

/** The finaliser of MurmurHash3: every bit of the result depends on every bit of the word. */
function avalanche(word: number): number {
  let hash = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
