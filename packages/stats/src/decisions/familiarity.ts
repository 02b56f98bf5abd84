/**
 * How far an embedding lies from those of the training set: the Mahalanobis distance under a Gaussian whose covariance
 * is K principal components and the same variance in every other direction. With more dimensions than training volumes
 * the full covariance has no inverse; this one has. Tipping & Bishop, J. R. Stat. Soc. B 61 (1999) 611; the distance as
 * a sign of unfamiliar input: Lee et al., NeurIPS 2018.
 */
import { PredictionsError, RangeOfParameterError, ShapeError } from "../errors.js";
import { symmetricEigen } from "./symmetric-eigen.js";

/** What is learned from the embeddings of the training set. N embeddings, E dimensions, K components. */
export interface FamiliarityModel {
  mean_E: readonly number[];
  /** unit vectors, the direction of most variance first */
  components_KE: readonly (readonly number[])[];
  /** variance along each component */
  variance_K: readonly number[];
  /** variance in every direction beside the components */
  residualVariance: number;
}

/** Variances below this share of the largest are rounding. */
const ROUNDING = 1e-12;

/**
 * @param embedding_NE one row per volume of the training set, at least 4
 * @param components at most; never more than a quarter of the rows, because a variance needs some volumes to be known
 * @throws ShapeError for rows of different lengths, RangeOfParameterError, PredictionsError for values that are not finite
 */
export function fitFamiliarity(
  embedding_NE: readonly ArrayLike<number>[],
  { components = 32 }: { components?: number } = {},
): FamiliarityModel {
  const count = embedding_NE.length;
  const width = embedding_NE[0]?.length ?? 0;
  if (count < 4 || width === 0)
    throw new ShapeError("fitFamiliarity: embeddings", "at least 4 rows", `${count} rows of ${width} values`);
  if (!(Number.isInteger(components) && components >= 1))
    throw new RangeOfParameterError("components", "a whole number, at least 1", String(components));
  embedding_NE.forEach((row, n) => checkRow(row, width, `row ${n}`));
  const mean_E = Array.from(
    { length: width },
    (_, e) => embedding_NE.reduce((sum, row) => sum + row[e]!, 0) / count,
  );
  const centred_NE = embedding_NE.map((row) => Float64Array.from(mean_E, (mean, e) => row[e]! - mean));
  // Rows are fewer than dimensions: the eigenvectors of their inner products give those of the covariance.
  const inner_NN = centred_NE.map((a) => centred_NE.map((b) => dot(a, b) / (count - 1)));
  const { values, vectors } = symmetricEigen(inner_NN);
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0);
  const known = values.filter((value) => value > ROUNDING * Math.max(values[0]!, 0)).length;
  const kept = Math.min(components, Math.floor(count / 4), known, width);
  const components_KE = Array.from({ length: kept }, (_, k) => unit(combine(centred_NE, vectors[k]!)));
  const variance_K = values.slice(0, kept);
  const rest = Math.max(0, total - variance_K.reduce((sum, value) => sum + value, 0));
  const residualVariance = Math.max(
    rest / Math.max(1, width - kept),
    ROUNDING * Math.max(values[0]!, 1e-300),
  );
  return { mean_E, components_KE, variance_K, residualVariance };
}

/**
 * The Mahalanobis distance of one embedding; about the square root of the number of dimensions for a familiar one.
 * @throws ShapeError unless it has E values, PredictionsError where one is not finite
 */
export function familiarityDistance(model: FamiliarityModel, embedding_E: ArrayLike<number>): number {
  const { mean_E, components_KE, variance_K, residualVariance } = model;
  checkRow(embedding_E, mean_E.length, "embedding");
  const centred_E = Float64Array.from(mean_E, (mean, e) => embedding_E[e]! - mean);
  let rest = dot(centred_E, centred_E);
  let squared = 0;
  components_KE.forEach((component_E, k) => {
    const along = dot(centred_E, component_E);
    rest -= along * along;
    squared += (along * along) / variance_K[k]!;
  });
  const hasRest = components_KE.length < mean_E.length; // else what is left is rounding
  return Math.sqrt(squared + (hasRest ? Math.max(0, rest) / residualVariance : 0));
}

/**
 * The limit that at most `rate` of familiar cases exceed: the ⌈(n + 1)(1 - rate)⌉-th smallest of n values that were not
 * used for anything else, which bounds the expected share of false alarms whatever their distribution (split conformal).
 * @returns null where n is too small for the rate: n must be at least 1 / rate - 1
 * @throws RangeOfParameterError unless 0 < rate < 1
 */
export function alarmLimit(values: readonly number[], rate: number): number | null {
  if (!(rate > 0 && rate < 1))
    throw new RangeOfParameterError("rate", "a number between 0 and 1", String(rate));
  const rank = Math.ceil((values.length + 1) * (1 - rate) - 1e-9);
  return rank > values.length ? null : [...values].sort((a, b) => a - b)[rank - 1]!;
}

function checkRow(row: ArrayLike<number>, width: number, name: string): void {
  if (row.length !== width)
    throw new ShapeError(`familiarity: ${name}`, `${width} values`, String(row.length));
  for (let e = 0; e < width; e++)
    if (!Number.isFinite(row[e])) throw new PredictionsError(`familiarity: ${name}: value ${e} is ${row[e]}`);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let e = 0; e < a.length; e++) sum += a[e]! * b[e]!;
  return sum;
}

function combine(rows_NE: readonly Float64Array[], weight_N: readonly number[]): Float64Array {
  const out = new Float64Array(rows_NE[0]!.length);
  rows_NE.forEach((row, n) => {
    for (let e = 0; e < out.length; e++) out[e]! += weight_N[n]! * row[e]!;
  });
  return out;
}

function unit(vector_E: Float64Array): number[] {
  const length = Math.sqrt(dot(vector_E, vector_E));
  return Array.from(vector_E, (value) => value / length);
}
