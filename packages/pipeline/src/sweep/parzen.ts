/**
 * Parzen estimators of one dimension, as in Optuna's TPESampler: one kernel per observation and a prior over the whole
 * range; bandwidths from the distance to the neighbours, clipped from below ("magic clip"); older observations have
 * less weight. Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011; Watanabe, arXiv 2304.11127.
 */
import type { Random } from "@slicestack/stats";
import { canonicalJson, type Choices, type Domain, type FloatRange, type IntRange } from "./space.js";
import { toStep } from "./searches.js";
import { logGaussMass, truncatedQuantile } from "./tpe-numbers.js";
import type { JsonValue } from "./trial.js";

export interface ParzenEstimator {
  readonly weights: readonly number[];
  /** Logarithm of the density, or of the probability if values are whole numbers or choices. */
  logDensity(value: JsonValue): number;
  sample(random: Random): JsonValue;
}

/** @param observations values of the dimension, oldest first */
export function parzenEstimator(domain: Domain, observations: readonly JsonValue[]): ParzenEstimator {
  if (domain.kind === "choice") return new CategoricalParzen(domain, observations);
  return new NumericalParzen(domain, observations as readonly number[]);
}

/**
 * The last 25 observations have weight 1; the weights of earlier ones rise linearly to it. The prior counts as one
 * observation. The weights are then scaled to sum to 1.
 */
export function kernelWeights(observations: number): number[] {
  if (observations === 0) return [1];
  const ramp = Math.max(0, observations - 25);
  const weights = Array.from({ length: observations }, (_, k) =>
    k >= ramp ? 1 : rampWeight(k, ramp, observations),
  );
  weights.push(1);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

function rampWeight(k: number, ramp: number, observations: number): number {
  const first = 1 / observations;
  return ramp === 1 ? first : first + (k * (1 - first)) / (ramp - 1);
}

export class NumericalParzen implements ParzenEstimator {
  readonly weights: readonly number[];
  /** Means of the kernels, with that of the prior last; of logarithms if `log` is set. */
  readonly means: readonly number[];
  readonly sigmas: readonly number[];
  private readonly low: number;
  private readonly high: number;
  /** Logarithm of the mass of each kernel within the range. */
  private readonly masses: readonly number[];

  constructor(
    private readonly range: FloatRange | IntRange,
    observations: readonly number[],
  ) {
    const half = range.kind === "int" ? range.step / 2 : 0;
    this.low = this.scaled(range.low - half);
    this.high = this.scaled(range.high + half);
    const means = observations.map((value) => this.scaled(value));
    this.weights = kernelWeights(observations.length);
    this.sigmas = [...bandwidths(means, this.low, this.high), this.high - this.low];
    this.means = [...means, (this.low + this.high) / 2];
    this.masses = this.means.map((mean, k) => this.logMass(k, this.low, this.high, mean));
  }

  logDensity(value: JsonValue): number {
    const x = value as number;
    const terms = this.means.map(
      (mean, k) => Math.log(this.weights[k]!) + this.kernel(k, x, mean) - this.masses[k]!,
    );
    return logSumExp(terms);
  }

  sample(random: Random): number {
    const k = pick(this.weights, random);
    const [mean, sigma] = [this.means[k]!, this.sigmas[k]!];
    const z = truncatedQuantile(random.uniform(), (this.low - mean) / sigma, (this.high - mean) / sigma);
    const drawn = mean + sigma * z;
    const value = this.range.log ? Math.exp(drawn) : drawn;
    if (this.range.kind === "int") return toStep(value, this.range);
    return Math.min(this.range.high, Math.max(this.range.low, value));
  }

  private kernel(k: number, x: number, mean: number): number {
    if (this.range.kind === "int") {
      const half = this.range.step / 2;
      return this.logMass(k, this.scaled(x - half), this.scaled(x + half), mean);
    }
    const z = (this.scaled(x) - mean) / this.sigmas[k]!;
    return -(z * z) / 2 - Math.log(this.sigmas[k]!) - Math.log(2 * Math.PI) / 2;
  }

  private logMass(k: number, from: number, to: number, mean: number): number {
    return logGaussMass((from - mean) / this.sigmas[k]!, (to - mean) / this.sigmas[k]!);
  }

  private scaled(value: number): number {
    return this.range.log ? Math.log(value) : value;
  }
}

/**
 * The larger of the distances to the two neighbours, clipped. With two observations or more, the ends of the range do
 * not count as neighbours.
 */
function bandwidths(means: readonly number[], low: number, high: number): number[] {
  const order = means.map((_, k) => k).sort((a, b) => means[a]! - means[b]!);
  const sorted = [low, ...order.map((k) => means[k]!), high];
  const least = (high - low) / Math.min(100, 2 + means.length);
  const sigmas = new Array<number>(means.length);
  order.forEach((k, place) => {
    const [left, right] = [sorted[place + 1]! - sorted[place]!, sorted[place + 2]! - sorted[place + 1]!];
    const isAlone = means.length < 2;
    const isFirst = !isAlone && place === 0;
    const isLast = !isAlone && place === order.length - 1;
    const width = isFirst ? right : isLast ? left : Math.max(left, right);
    sigmas[k] = Math.min(high - low, Math.max(least, width));
  });
  return sigmas;
}

export class CategoricalParzen implements ParzenEstimator {
  readonly weights: readonly number[];
  private readonly index: ReadonlyMap<string, number>;
  /** Index of the choice that each kernel favours; the prior, which is last, favours none. */
  private readonly observed: readonly number[];

  constructor(
    private readonly choices: Pick<Choices, "values">,
    observations: readonly JsonValue[],
  ) {
    this.index = new Map(choices.values.map((value, k) => [canonicalJson(value), k]));
    this.observed = observations.map((value) => this.indexOf(value));
    this.weights = kernelWeights(observations.length);
  }

  logDensity(value: JsonValue): number {
    const wanted = this.indexOf(value);
    return Math.log(this.weights.reduce((sum, weight, k) => sum + weight * this.probability(k, wanted), 0));
  }

  sample(random: Random): JsonValue {
    const kernel = pick(this.weights, random);
    return this.choices.values[
      pick(
        this.choices.values.map((_, c) => this.probability(kernel, c)),
        random,
      )
    ]!;
  }

  /** Each kernel distributes one pseudo-count, 1 / kernels, over the choices. */
  private probability(kernel: number, choice: number): number {
    const count = this.choices.values.length;
    if (this.observed.length === 0) return 1 / count;
    const share = 1 / (this.observed.length + 1);
    const isPrior = kernel === this.observed.length;
    const total = count * share + (isPrior ? 0 : 1);
    return (share + (!isPrior && this.observed[kernel] === choice ? 1 : 0)) / total;
  }

  private indexOf(value: JsonValue): number {
    return this.index.get(canonicalJson(value)) ?? -1;
  }
}

function pick(weights: readonly number[], random: Random): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let rest = random.uniform() * total;
  for (const [k, weight] of weights.entries()) if ((rest -= weight) < 0) return k;
  return weights.length - 1;
}

function logSumExp(terms: readonly number[]): number {
  const most = Math.max(...terms);
  if (most === -Infinity) return -Infinity;
  return most + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - most), 0));
}
