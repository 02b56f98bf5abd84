import assert from "node:assert/strict";
import test from "node:test";
import {
  boxOf,
  findBody,
  RegionError,
  reorient,
  type BodyFound,
  type Box,
  type Volume,
} from "../../src/index.js";
import { overlap, torso, type TorsoOptions } from "./torso.js";

function found(volume: Volume): BodyFound {
  const body = findBody(volume);
  assert.ok(body.found);
  return body;
}

/** Largest distance between the sides of two boxes, mm. */
function apart(a: Box, b: Box, { spacing }: Volume): number {
  const sides = [0, 1, 2].flatMap((axis) => {
    const mm = spacing[axis] as number;
    return [a.start, a.end].map(
      (side, k) => Math.abs((side[axis] as number) - ((k === 0 ? b.start : b.end)[axis] as number)) * mm,
    );
  });
  return Math.max(...sides);
}

const scans: [string, TorsoOptions][] = [
  ["on a table with a hollow, a mattress as dense as lung, in a gown", {}],
  ["without a table", { table: false }],
  ["with separate arms, which are left out", { arms: true, view: [205, 150, 150] }],
  ["in noise of 60 HU", { noise: 60 }],
  ["of a scanner 24 HU too low", { offset: -24 }],
  ["in slices of 10 mm", { spacing: [2, 2, 10] }],
  ["in voxels of 1.3 x 1.3 x 5 mm", { spacing: [1.3, 1.3, 5] }],
  ["with touching lungs and gas", { septum: 0, stomachGas: true }],
];
for (const [name, options] of scans) {
  test(`findBody ${name}: from skin to skin, lungs and gas included`, () => {
    const drawn = torso(options);
    const { mask, box } = found(drawn.volume);
    const { dice } = overlap(mask.data, drawn.body, drawn.volume);
    assert.ok(dice > 0.99, `Dice ${dice}`);
    const truth = boxOf(drawn.body, drawn.volume.shape);
    assert.ok(truth !== null && apart(box, truth, drawn.volume) <= 4, JSON.stringify([box, truth]));
  });
}

for (const padding of [-1024, -2000, -3024]) {
  test(`findBody: a circle with padding ${padding} that cuts the patient: the part inside it`, () => {
    const drawn = torso({ circle: 120, padding });
    const inCircle = drawn.body.map((value, i) => (drawn.volume.data[i] === padding ? 0 : value));
    const { mask } = found(drawn.volume);
    const { dice } = overlap(mask.data, inCircle, drawn.volume);
    assert.ok(dice > 0.97, `Dice ${dice}`);
  });
}

test("findBody: an image that shows only the body, with lungs cut at its border, is all body", () => {
  const drawn = torso({ view: [100, 80, 120] });
  const { mask } = found(drawn.volume);
  const { dice } = overlap(mask.data, drawn.body, drawn.volume);
  assert.ok(dice > 0.98, `Dice ${dice}`);
});

test("findBody: reoriented scans give the same body", () => {
  const { volume } = torso({ spacing: [4, 4, 8] });
  const upright = found(volume);
  for (const code of ["RAS", "PSL"]) {
    assert.deepEqual(reorient(found(reorient(volume, code)).mask, "LPS").data, upright.mask.data, code);
  }
});

test("findBody: air alone has no body; values that are not HU are refused", () => {
  const { volume } = torso({ spacing: [20, 20, 20] });
  assert.deepEqual(findBody({ ...volume, data: volume.data.map(() => -1000) }), { found: false });
  assert.throws(() => findBody({ ...volume, unit: "arbitrary" }), RegionError);
});
