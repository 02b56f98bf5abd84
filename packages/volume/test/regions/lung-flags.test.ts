/** Flags for lungs that the image cuts: set for cut lungs and not for complete ones, with thin and thick slices. */
import assert from "node:assert/strict";
import test from "node:test";
import { findLungs, type LungFlag, type Triple, type Volume } from "../../src/index.js";
import { flagsOf } from "../../src/regions/lung-facts.js";

/** mm; 0, 0, 0 is the middle of both lungs together. */
const LUNG: Triple = [60, 75, 120];
const BODY = [170, 115] as const;

interface Shown {
  /** mm between slices. */
  mm: number;
  /** Half the width of the image. */
  half?: number;
  /** Margin of the image below and above the lungs; a negative one cuts them. */
  below?: number;
  above?: number;
}

/** A trunk of 40 HU in air with two whole ellipsoids of -850 HU, a windpipe above their middle, and a table. */
function trunk({ mm, half = 200, below = 40, above = 40 }: Shown): Volume {
  const spacing: Triple = [3, 3, mm];
  const low = -LUNG[2] - below;
  const shape: Triple = [Math.round((2 * half) / 3), 100, Math.round((LUNG[2] + above - low) / mm)];
  const data = new Int16Array(shape[0] * shape[1] * shape[2]);
  for (let k = 0, i = 0; k < shape[2]; k++)
    for (let j = 0; j < shape[1]; j++)
      for (let l = 0; l < shape[0]; l++, i++)
        data[i] = valueAt((l - (shape[0] - 1) / 2) * 3, (j - (shape[1] - 1) / 2) * 3, low + (k + 0.5) * mm);
  return { data, shape, spacing, origin: [0, 0, low], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1], unit: "HU" };
}

function valueAt(x: number, y: number, z: number): number {
  const side = Math.abs(x) - 75;
  if (z > 0 && Math.hypot(x, y + 10) < 9) return -1000;
  if ((side / LUNG[0]) ** 2 + (y / LUNG[1]) ** 2 + (z / LUNG[2]) ** 2 < 1) return -850;
  if ((x / BODY[0]) ** 2 + (y / BODY[1]) ** 2 < 1) return 40;
  return y > BODY[1] + 4 && y < BODY[1] + 14 ? -300 : -1000;
}

const shown: [string, Shown, LungFlag[]][] = [
  ["whole, in slices of 2 mm", { mm: 2 }, []],
  ["whole, in slices of 8 mm", { mm: 8 }, []],
  ["whole, in slices of 10 mm that just contain them", { mm: 10, below: 0, above: 0 }, []],
  ["whole, in an image that cuts the body", { mm: 5, half: 145 }, []],
  ["without the top 20 mm", { mm: 8, above: -20 }, ["cut-above"]],
  ["without the lowest 20 mm", { mm: 8, below: -20 }, ["cut-below"]],
  ["in an image that cuts them at the sides", { mm: 5, half: 120 }, ["cut-aside"]],
];
for (const [name, options, flags] of shown)
  test(`lungs ${name}: ${flags.length === 0 ? "no flag" : flags.join()}`, () => {
    const lungs = findLungs(trunk(options));
    assert.ok(lungs.found);
    assert.deepEqual([lungs.flags, lungs.complete], [flags, flags.length === 0]);
  });

test("an end slice cuts the lungs where, at the same rate of decrease, they would continue beyond the next slice", () => {
  const ways = { joined: false, dense: false, widened: false };
  const flags = (area: number[]) => flagsOf({ rightMl: 2000, leftMl: 2000, area, asideCm2: 0 }, ways);
  assert.deepEqual(flags([12, 40, 80, 100, 80, 45, 15]), []);
  assert.deepEqual(flags([30, 50, 80, 100, 80, 45, 15]), ["cut-below"]);
  assert.deepEqual(flags([12, 40, 80, 100, 90, 70, 50]), ["cut-above"]);
  assert.deepEqual(flags([100]), ["cut-below", "cut-above"]);
});
