import assert from "node:assert/strict";
import test from "node:test";
import {
  boxOf,
  cropTo,
  growBox,
  maskBox,
  RegionError,
  reorient,
  resample,
  uncrop,
  VolumeArgumentError,
  voxelToWorld,
  type Box,
  type Triple,
  type Volume,
} from "../../src/index.js";
import { assertClose, obliqueVolume } from "../fixtures.js";
import { maskOf, regionFacts } from "./masks.js";

const volume = obliqueVolume(new Int16Array(9 * 7 * 5), [9, 7, 5]);
const box: Box = { start: [2, 1, 3], end: [7, 6, 5] };

test("cropTo: every voxel keeps exactly its value and its world position (by voxelToWorld)", () => {
  const { volume: part, record } = cropTo(volume, box);
  assert.deepEqual(part.shape, [5, 5, 2]);
  assert.deepEqual([part.spacing, part.direction, part.unit], [volume.spacing, volume.direction, "HU"]);
  assert.ok(part.data instanceof Int16Array);
  for (let i = 0; i < part.data.length; i++) {
    const [x, y, z] = [i % 5, Math.floor(i / 5) % 5, Math.floor(i / 25)];
    const [sx, sy, sz] = [x + 2, y + 1, z + 3];
    assert.equal(part.data[i], volume.data[sx + 9 * (sy + 7 * sz)]);
    assertClose(voxelToWorld(part, x, y, z), voxelToWorld(volume, sx, sy, sz), 1e-9);
  }
  assert.deepEqual(record, { box, sourceShape: [9, 7, 5], sourceOrigin: volume.origin });
});

test("cropTo: the margin is whole voxels that cover the mm, clipped where the volume ends", () => {
  // Spacing 0.7, 0.8, 2.5 mm: 1.4 mm are 2, 2 and 1 voxels.
  assert.deepEqual(cropTo(volume, box, { margin: 1.4 }).record.box, { start: [0, 0, 2], end: [9, 7, 5] });
  assert.deepEqual(cropTo(volume, box, { margin: 0.1 }).record.box, { start: [1, 0, 2], end: [8, 7, 5] });
  assert.deepEqual(cropTo(volume, box, { margin: 1e4 }).volume.shape, volume.shape);
  // 10 mm of a 5 mm spacing that was stored in 32 bits as 4.99999.
  const grid = { shape: [20, 20, 20] as Triple, spacing: [4.99999, 5, 5.00001] as Triple };
  assert.deepEqual(growBox({ start: [5, 5, 5], end: [6, 6, 6] }, 10, grid), {
    start: [3, 3, 3],
    end: [8, 8, 8],
  });
});

test("uncrop puts a crop back on the source's grid, bit for bit, through JSON", () => {
  const { volume: part, record } = cropTo(volume, box, { margin: 0.7 });
  const back = uncrop(part, JSON.parse(JSON.stringify(record)) as typeof record, -1000);
  assert.deepEqual({ ...back, data: null }, { ...volume, data: null });
  const { start, end } = record.box;
  back.data.forEach((value, i) => {
    const at = [i % 9, Math.floor(i / 9) % 7, Math.floor(i / 63)];
    const inside = at.every((n, axis) => n >= (start[axis] ?? 0) && n < (end[axis] ?? 0));
    assert.equal(value, inside ? volume.data[i] : -1000);
  });
  assert.throws(() => uncrop(volume, record, 0), VolumeArgumentError);
});

test("cropTo refuses empty, fractional and outlying boxes, and negative margins", () => {
  const wrong: Box[] = [
    { start: [2, 2, 2], end: [2, 3, 3] },
    { start: [-1, 0, 0], end: [2, 2, 2] },
    { start: [0, 0, 0], end: [9, 7, 6] },
    { start: [0.5, 0, 0], end: [3, 3, 3] },
    { start: [NaN, 0, 0], end: [3, 3, 3] },
  ];
  for (const one of wrong) assert.throws(() => cropTo(volume, one), VolumeArgumentError, JSON.stringify(one));
  assert.throws(() => cropTo(volume, box, { margin: -1 }), VolumeArgumentError);
});

test("boxOf: the smallest box, by hand; null for an empty mask", () => {
  const mask = new Uint8Array(4 * 3 * 2);
  assert.equal(boxOf(mask, [4, 3, 2]), null);
  mask[1 + 4 * (2 + 3 * 0)] = 7;
  mask[3 + 4 * (1 + 3 * 1)] = 1;
  assert.deepEqual(boxOf(mask, [4, 3, 2]), { start: [1, 1, 0], end: [4, 3, 2] });
  assert.throws(() => boxOf(mask, [4, 3, 3]), VolumeArgumentError);
});

regionFacts.boxes.forEach(({ grid, maskGrid, mask, box: [start, end] }, k) => {
  test(`maskBox, case ${k + 1}: equals the corners of every voxel mapped by numpy (fixtures/volume/regions.py)`, () => {
    const scan: Volume = { ...grid, data: new Int8Array(grid.shape.reduce((a, b) => a * b)), unit: "HU" };
    const region: Volume = { ...maskGrid, data: maskOf(mask, maskGrid.shape), unit: "arbitrary" };
    assert.deepEqual(maskBox(region, scan), { start, end });
  });
});

/** A mask on the volume's own grid: 3 in the box, NaN in its first voxel. */
function ownMask(): Volume {
  const data = new Float32Array(volume.data.length);
  for (let z = 3; z < 5; z++)
    for (let y = 1; y < 6; y++) for (let x = 2; x < 7; x++) data[x + 9 * (y + 7 * z)] = 3;
  data[0] = NaN;
  return { ...volume, data };
}

test("maskBox: a mask on the same grid, reoriented or finer, gives exactly the box", () => {
  const mask = ownMask();
  assert.deepEqual(maskBox(mask, volume), box);
  for (const code of ["RAS", "SPL", "AIR"])
    assert.deepEqual(maskBox(reorient(mask, code), volume), box, code);
  const solid = { ...mask, data: mask.data.map((value) => (value === 3 ? 1 : 0)) };
  const fine = resample(solid, [27, 21, 15], { antialias: false });
  const firm = { ...fine, data: fine.data.map((value) => (value > 0.5 ? 1 : 0)) };
  assert.deepEqual(maskBox(firm, volume), box);
});

test("maskBox: rounding of an affine in 32 bits adds no voxels", () => {
  const mask = ownMask();
  const rounded = {
    ...mask,
    origin: mask.origin.map(Math.fround) as Triple,
    spacing: mask.spacing.map(Math.fround) as Triple,
  };
  assert.deepEqual(maskBox(rounded, volume), box);
});

test("maskBox refuses an empty mask and one outside of the scan, with both positions in mm", () => {
  const mask = ownMask();
  const empty = { ...mask, data: mask.data.map(() => 0) };
  assert.throws(
    () => maskBox(empty, volume),
    (error) => error instanceof RegionError && /empty/.test(error.message),
  );
  const away = { ...mask, origin: [500, 0, 0] as Triple };
  assert.throws(
    () => maskBox(away, volume),
    (error) =>
      error instanceof RegionError && /outside of the scan: in LPS mm the mask spans 5/.test(error.problem),
  );
  assert.throws(() => maskBox({ ...mask, shape: [1, 1, 1] }, volume), VolumeArgumentError);
});
