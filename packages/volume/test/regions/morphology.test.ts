import assert from "node:assert/strict";
import test from "node:test";
import {
  closing,
  dilate,
  erode,
  fillHoles,
  fillHolesInSlices,
  opening,
  VolumeArgumentError,
} from "../../src/index.js";
import { maskOf, regionFacts } from "./masks.js";

const operations = { dilate, erode, opening, closing };

for (const { name, shape, mask: hex, morphology } of regionFacts.masks) {
  for (const [operation, run] of Object.entries(operations)) {
    test(`${operation} of ${name}: balls in mm on six grids equal scipy.ndimage's distance transform (fixtures/volume/regions.py)`, () => {
      for (const { spacing, radius, ...expected } of morphology) {
        const mask = maskOf(hex, shape);
        const result = run(mask, { shape, spacing }, radius);
        const wanted = maskOf(expected[operation as keyof typeof operations], shape);
        assert.deepEqual(result, wanted, `${radius} mm at ${spacing.join(" x ")} mm`);
        assert.deepEqual(mask, maskOf(hex, shape), "the input is not modified");
      }
    });
  }
}

for (const { name, shape, mask: hex, filled, filledInSlices } of regionFacts.masks) {
  test(`holes of ${name}: filled in space and in slices as by scipy.ndimage (fixtures/volume/regions.py)`, () => {
    const mask = maskOf(hex, shape);
    assert.deepEqual(fillHoles(mask, { shape }), maskOf(filled, shape));
    assert.deepEqual(fillHolesInSlices(mask, { shape }), maskOf(filledInSlices, shape));
  });
}

test("morphology: any nonzero value is set, and results contain 0 and 1", () => {
  const grid = {
    shape: [5, 1, 1] as [number, number, number],
    spacing: [1, 1, 1] as [number, number, number],
  };
  assert.deepEqual(Array.from(dilate(Uint8Array.of(0, 0, 200, 0, 0), grid, 1)), [0, 1, 1, 1, 0]);
  assert.deepEqual(Array.from(erode(Uint8Array.of(9, 9, 9, 9, 0), grid, 1)), [1, 1, 1, 0, 0]);
  assert.deepEqual(Array.from(opening(Uint8Array.of(5, 5, 5, 0, 4), grid, 1)), [1, 1, 1, 0, 0]);
  assert.deepEqual(Array.from(closing(Uint8Array.of(5, 5, 5, 0, 4), grid, 0)), [1, 1, 1, 0, 1]);
  assert.deepEqual(Array.from(fillHoles(Uint8Array.of(0, 3, 3, 0, 0), grid)), [0, 1, 1, 0, 0]);
});

test("morphology: a radius larger than the grid reaches everything, or leaves nothing", () => {
  const grid = {
    shape: [3, 4, 2] as [number, number, number],
    spacing: [1, 1, 5] as [number, number, number],
  };
  const one = new Uint8Array(24);
  one[7] = 1;
  assert.ok(dilate(one, grid, 1e6).every((value) => value === 1));
  assert.ok(
    erode(
      one.map((value) => 1 - value),
      grid,
      1e6,
    ).every((value) => value === 0),
  );
});

test("morphology: negative and infinite radii, and masks of another length, are refused", () => {
  const grid = {
    shape: [2, 2, 2] as [number, number, number],
    spacing: [1, 1, 1] as [number, number, number],
  };
  for (const run of Object.values(operations)) {
    for (const radius of [-1, NaN, Infinity])
      assert.throws(() => run(new Uint8Array(8), grid, radius), VolumeArgumentError);
    assert.throws(() => run(new Uint8Array(9), grid, 1), VolumeArgumentError);
  }
  assert.throws(() => fillHoles(new Uint8Array(7), grid), VolumeArgumentError);
  assert.throws(() => fillHolesInSlices(new Uint8Array(7), grid), VolumeArgumentError);
});
