import { test } from "node:test";
import assert from "node:assert/strict";
import { RangeOfParameterError, ShapeError } from "../src/errors.js";
import { fitPowerLaw, powerLawAt } from "../src/learning-curve.js";
import { close, fixture } from "./fixture.js";

interface Case {
  name: string;
  sizes: number[];
  errors: number[];
  scale: number;
  exponent: number;
  floor: number;
  residual: number;
}

for (const c of fixture<{ powerLaw: Case[] }>("subgroups").powerLaw)
  test(`power law equals scipy's curve_fit: ${c.name} (fixtures/evaluate/subgroups.py)`, () => {
    const found = fitPowerLaw(c.sizes, c.errors);
    close(found.exponent, c.exponent, 1e-4, "exponent");
    close(found.scale / c.scale, 1, 1e-3, "scale");
    close(found.floor, c.floor, 1e-4, "floor");
    close(found.residual, c.residual, 1e-7, "residual");
    assert.deepEqual([found.points, found.sizes], [8, 4]);
    close(powerLawAt(found, 100), c.scale * 100 ** -c.exponent + c.floor, 1e-5, "at 100 subjects");
  });

test("errors that do not fall: no scale, the floor is their mean; perfect scores: 0 everywhere (by hand)", () => {
  const rising = fitPowerLaw([10, 20, 40], [0.1, 0.2, 0.3]);
  assert.equal(rising.scale, 0);
  close(rising.floor, 0.2, 1e-12, "mean");
  const perfect = fitPowerLaw([10, 20, 40], [0, 0, 0]);
  assert.equal(powerLawAt(perfect, 100), 0);
  assert.equal(perfect.residual, 0);
});

test("too few sizes, other lengths, NaN and sizes of 0 are refused", () => {
  assert.throws(() => fitPowerLaw([10, 20, 20], [0.3, 0.2, 0.2]), ShapeError);
  assert.throws(() => fitPowerLaw([10, 20, 30], [0.3, 0.2]), ShapeError);
  assert.throws(() => fitPowerLaw([10, 20, 30], [0.3, Number.NaN, 0.1]), RangeOfParameterError);
  assert.throws(() => fitPowerLaw([0, 20, 30], [0.3, 0.2, 0.1]), RangeOfParameterError);
});
