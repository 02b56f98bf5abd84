import assert from "node:assert/strict";
import test from "node:test";
import * as api from "../src/index.js";

test("the public API is this list", () => {
  assert.deepEqual(Object.keys(api).sort(), [
    "NpyWriter",
    "VolumeArgumentError",
    "VolumeFileError",
    "VolumeFormatError",
    "affineMatrix",
    "assertVolume",
    "encodeNiftiHeader",
    "encodeNpyHeader",
    "npyDtypeOf",
    "orientationCode",
    "parseNifti",
    "parseNiftiHeader",
    "parseNpy",
    "parseNpyHeader",
    "readNifti",
    "readNiftiHeader",
    "readNpy",
    "readNpyHeader",
    "reorient",
    "resample",
    "voxelToWorld",
    "windowToUnit",
    "worldToVoxel",
    "writeNifti",
    "writeNpy",
  ]);
});
