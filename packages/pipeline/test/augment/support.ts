/** What the tests of this folder share: reference data of fixtures/augment, and settings with one transform alone. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fromTypedArray, type Tensor } from "@slicestack/torch";
import { augmentations, type BuiltInAugmentations } from "../../src/augment/catalogue.js";
import { augmentPresets, type AugmentConfig } from "../../src/config/augment.js";

/** JSON made by the script of the same name. */
export function fixture<T>(name: string): T[] {
  const url = new URL(`../../../../../fixtures/augment/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as T[];
}

/** One sample of one channel, float64: 1 x 1 x size. */
export function sample(values: readonly number[], size: readonly number[]): Tensor {
  return fromTypedArray(Float64Array.from(values), [1, 1, ...size]);
}

export function closeTo(actual: Tensor, expected: readonly number[], tolerance: number, what: string): void {
  const found = actual.toArray();
  assert.equal(found.length, expected.length, what);
  const worst = found.reduce((most, value, k) => Math.max(most, Math.abs(value - (expected[k] ?? NaN))), 0);
  assert.ok(worst <= tolerance, `${what}: differs by ${worst}`);
}

/** One transform with the keys given, always met; all others off. */
export function only<K extends keyof BuiltInAugmentations>(
  name: K,
  keys: Partial<NonNullable<AugmentConfig[K]>> = {},
): AugmentConfig {
  const defaults = augmentations.find((one) => one.name === name)?.options.parse({});
  return { ...augmentPresets().none, [name]: { ...defaults, probability: 1, ...keys } };
}

/** A slice of zeros with 1 at (row, column). */
export function marked(height: number, width: number, row: number, column: number): Tensor {
  const values = new Float64Array(height * width);
  values[row * width + column] = 1;
  return fromTypedArray(values, [1, 1, height, width]);
}

/** Where the only bright pixel of a slice or volume is. */
export function brightest(x: Tensor): number[] {
  const values = x.toArray();
  let rest = values.indexOf(Math.max(...values));
  const sizes = x.shape.slice(2);
  return sizes.map((_, axis) => {
    const stride = sizes.slice(axis + 1).reduce((a, b) => a * b, 1);
    const at = Math.floor(rest / stride);
    rest -= at * stride;
    return at;
  });
}
