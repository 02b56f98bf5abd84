import assert from "node:assert/strict";
import test from "node:test";
import * as api from "../src/index.js";
import * as node from "../src/node.js";

test("the public API, safe in browsers, is this list", () => {
  assert.deepEqual(Object.keys(api).sort(), [
    "DicomSeriesError",
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
    "readDicomSeries",
    "reorient",
    "resample",
    "scanDicom",
    "voxelToWorld",
    "windowToUnit",
    "worldToVoxel",
  ]);
});

test("the public API for Node is this list", () => {
  assert.deepEqual(Object.keys(node).sort(), [
    "NpyWriter",
    "dicomFile",
    "dicomFiles",
    "readNifti",
    "readNiftiHeader",
    "readNpy",
    "readNpyHeader",
    "writeNifti",
    "writeNpy",
  ]);
});
