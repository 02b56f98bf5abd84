import assert from "node:assert/strict";
import test from "node:test";
import {
  affineMatrix,
  orientationCode,
  reorient,
  VolumeArgumentError,
  voxelToWorld,
  windowToUnit,
  worldToVoxel,
} from "../src/index.js";
import { readNifti } from "../src/node.js";
import { affineRas, assertClose, facts, fixture, obliqueVolume } from "./fixtures.js";

interface Reoriented {
  file: string;
  turned: { code: string; shape: number[]; affineRas: number[][]; values: number[] }[];
}

test("reorient: voxels, shape and affine equal nibabel's as_reoriented (fixtures/volume/reorient.json)", async () => {
  const { file, turned } = facts<Reoriented>("reorient.json");
  const volume = await readNifti(fixture(file));
  for (const expected of turned) {
    const actual = reorient(volume, expected.code);
    assert.deepEqual(actual.shape, expected.shape, expected.code);
    assert.deepEqual(Array.from(actual.data), expected.values, expected.code);
    assertClose(affineRas(actual), expected.affineRas.flat(), 1e-5, expected.code);
    assert.equal(orientationCode(actual), expected.code);
  }
});

test("reorient: each voxel keeps its world position (by voxelToWorld), and LPS and back is the identity", () => {
  const volume = obliqueVolume(new Int16Array(4 * 3 * 2), [4, 3, 2]);
  const start = reorient(volume, "ASR");
  const lps = reorient(start);
  assert.equal(orientationCode(lps), "LPS");
  for (let at = 0; at < lps.data.length; at++) {
    const [nx, ny] = lps.shape;
    const world = voxelToWorld(lps, at % nx, Math.floor(at / nx) % ny, Math.floor(at / nx / ny));
    const [i, j, k] = worldToVoxel(start, ...world).map(Math.round) as [number, number, number];
    assert.equal(start.data[i + start.shape[0] * (j + start.shape[1] * k)], lps.data[at]);
  }
  assert.deepEqual(reorient(lps, "ASR").data, start.data);
  assertClose(affineMatrix(reorient(lps, "ASR")), affineMatrix(start), 1e-9, "affine");
  assert.equal(reorient(lps), lps, "returns the volume itself where nothing changes");
});

test("worldToVoxel inverts voxelToWorld on sheared axes", async () => {
  const volume = await readNifti(fixture("sform_sheared.nii"));
  assertClose(worldToVoxel(volume, ...voxelToWorld(volume, 1.5, -2.25, 7)), [1.5, -2.25, 7], 1e-9);
  assertClose(voxelToWorld(volume, 0, 0, 0), volume.origin, 0);
});

test("reorient refuses codes that are not one letter of each pair", () => {
  const volume = obliqueVolume(new Int16Array(8), [2, 2, 2]);
  for (const code of ["", "LP", "LPSS", "LRS", "lps", "XYZ"])
    assert.throws(() => reorient(volume, code), VolumeArgumentError, code);
});

test("windowToUnit: ends, middle and outside of -1000..400 HU by hand", () => {
  const unit = windowToUnit(Int16Array.of(-3000, -1000, -300, 400, 3000), -1000, 400);
  assert.deepEqual(Array.from(unit), [0, 0, 0.5, 1, 1]);
  assert.deepEqual(Array.from(windowToUnit(Float32Array.of(NaN, Infinity, -Infinity), 0, 1)), [NaN, 1, 0]);
  assert.throws(() => windowToUnit(new Int16Array(1), 400, -1000), VolumeArgumentError);
  assert.throws(() => windowToUnit(new Int16Array(1), NaN, 0), VolumeArgumentError);
});
