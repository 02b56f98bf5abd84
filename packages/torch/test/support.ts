/** What the tests of this package share: fixtures, comparison, and a test that also asks for flat live tensors. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fromTypedArray, liveTensors, scope, type DType, type Tensor } from "../src/index.js";

export interface TensorJson {
  dtype: DType;
  shape: number[];
  /** Row-major; what JSON cannot hold comes as text: "nan", "inf", "-inf". */
  data: (number | string)[];
}

/** Root of the repository: this file runs from packages/torch/dist/test. */
export const repository = fileURLToPath(new URL("../../../../", import.meta.url));

/** The parsed `fixtures/NAME.json`. */
export function loadFixture<T = unknown>(name: string): T {
  return JSON.parse(readFileSync(join(repository, "fixtures", `${name}.json`), "utf8")) as T;
}

const words: Record<string, number> = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const toNumber = (value: number | string): number =>
  typeof value === "number" ? value : (words[value] ?? NaN);

export function toTensor(json: TensorJson, dtype: DType = json.dtype): Tensor {
  return fromTypedArray(Float64Array.from(json.data, toNumber), json.shape, { dtype });
}

/** Shape equal, and |actual - expected| <= tolerance * (1 + |expected|) everywhere; not-a-number and infinities must meet their like. */
export function expectClose(
  actual: Tensor,
  expected: TensorJson | Tensor,
  tolerance: number,
  what = "values",
): void {
  assert.deepEqual(actual.shape, expected.shape, `${what}: shape`);
  const wanted = "data" in expected ? expected.data.map(toNumber) : expected.toArray();
  const found = actual.toArray();
  wanted.forEach((value, index) => {
    const at = found[index] ?? NaN;
    if (Object.is(at, value) || at === value || (Number.isNaN(at) && Number.isNaN(value))) return;
    const difference = Math.abs(at - value);
    if (!(difference <= tolerance * (1 + Math.abs(value)))) {
      assert.fail(
        `${what}: at index ${index} expected ${value}, received ${at}, difference ${difference} above ${tolerance}`,
      );
    }
  });
}

/** A test that must leave as many tensors alive as it found. */
export function leakTest(name: string, body: () => void | Promise<void>): void {
  test(name, async () => {
    const before = liveTensors();
    await body();
    assert.equal(liveTensors(), before, "live tensors after the test");
  });
}

/** A leak test whose body runs in a scope. */
export function scopedTest(name: string, body: () => void): void {
  leakTest(name, () => scope(body));
}
