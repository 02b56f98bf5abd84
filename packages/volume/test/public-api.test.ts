import assert from "node:assert/strict";
import test from "node:test";
import * as api from "../src/index.js";
import * as node from "../src/node.js";

test("the public API, safe in browsers, is this list", () => {
  assert.deepEqual(Object.keys(api).sort(), [
    "Components",
    "RegionError",
    "VolumeArgumentError",
    "VolumeFileError",
    "VolumeFormatError",
    "affineMatrix",
    "assertVolume",
    "boxOf",
    "closing",
    "connectedComponents",
    "cropTo",
    "dilate",
    "encodeNiftiHeader",
    "encodeNpyHeader",
    "erode",
    "fillHoles",
    "fillHolesInSlices",
    "findBody",
    "findLungs",
    "growBox",
    "maskBox",
    "npyDtypeOf",
    "opening",
    "orientationCode",
    "parseNifti",
    "parseNiftiHeader",
    "parseNpy",
    "parseNpyHeader",
    "reorient",
    "resample",
    "uncrop",
    "unionBox",
    "voxelToWorld",
    "windowToUnit",
    "worldToVoxel",
  ]);
});

test("the public API for Node is this list", () => {
  assert.deepEqual(Object.keys(node).sort(), [
    "NpyWriter",
    "readNifti",
    "readNiftiHeader",
    "readNpy",
    "readNpyHeader",
    "writeNifti",
    "writeNpy",
  ]);
});
