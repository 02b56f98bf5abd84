/** Applies random transforms to some samples of a batch; the others stay unchanged, bit for bit. */
import { cat, fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import type { Range } from "./option-ranges.js";

/** The draw of each sample of a batch; null if the transform is not applied. */
export type Draws<T> = readonly (T | null)[];

/** One draw for each sample to which the transform is applied. @param draw receives the index of the sample */
export function drawSamples<T>(
  batch: number,
  probability: number,
  random: Random,
  draw: (sample: number) => T,
): Draws<T> {
  return Array.from({ length: batch }, (_, k) => (random.chance(probability) ? draw(k) : null));
}

/** Uniform over a range of the settings. */
export function within(random: Random, [low, high]: Range): number {
  return random.uniform(low, high);
}

/** Uniform in the logarithm, so that doubling is as likely as halving. */
export function withinRatio(random: Random, [low, high]: Range): number {
  return Math.exp(random.uniform(Math.log(low), Math.log(high)));
}

/**
 * Applies `change` to the samples of x_B... that have a draw.
 * @param change receives only these n samples and their draws; it keeps the shape
 */
export function onDrawn<T>(
  x: Tensor,
  draws: Draws<T>,
  change: (chosen: Tensor, drawn: T[]) => Tensor,
): Tensor {
  const rows = draws.flatMap((draw, row) => (draw === null ? [] : [row]));
  const drawn = draws.filter((draw): draw is T => draw !== null);
  if (rows.length === 0) return x.alias();
  return scope(() => {
    if (rows.length === draws.length) return change(x, drawn);
    const changed = change(x.indexSelect(0, indexTensor(rows, x)), drawn);
    // The changed samples follow the original batch: each row selects one or the other.
    const order = draws.map((draw, row) => (draw === null ? row : draws.length + rows.indexOf(row)));
    return cat([x, changed]).indexSelect(0, indexTensor(order, x));
  });
}

/** The value of air: one number, or one per channel. */
export type Air = number | readonly number[];

/** Shifts air to 0 for `body`, because grid samples and convolutions use 0 outside the image. */
export function overAir(x: Tensor, air: Air, body: (raised: Tensor) => Tensor): Tensor {
  if (air === 0) return body(x);
  if (typeof air === "number") return body(x.sub(air)).add(air);
  const shape = [1, air.length, ...new Array<number>(x.dim - 2).fill(1)];
  const air_1C11 = fromTypedArray(Float64Array.from(air), shape, { dtype: x.dtype, device: x.device });
  return body(x.sub(air_1C11)).add(air_1C11);
}

function indexTensor(rows: readonly number[], { device }: Tensor): Tensor {
  return fromTypedArray(BigInt64Array.from(rows, BigInt), [rows.length], { device });
}

/** One number per sample, n x 1 x 1 …, with the dtype and on the device of x. */
export function column(values: readonly number[], x: Tensor): Tensor {
  const shape = [values.length, ...new Array<number>(x.dim - 1).fill(1)];
  return fromTypedArray(Float64Array.from(values), shape, { dtype: x.dtype, device: x.device });
}
