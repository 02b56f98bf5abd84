import assert from "node:assert/strict";
import test from "node:test";
import * as api from "../src/index.js";
import * as node from "../src/node.js";

test("the public API, safe in browsers, is this list", () => {
  assert.deepEqual(Object.keys(api).sort(), [
    "Medmnist",
    "NpyStack",
    "Npz",
    "VolumeArgumentError",
    "VolumeFileError",
    "VolumeFormatError",
    "affineMatrix",
    "assertVolume",
    "blobSource",
    "bytesSource",
    "detectBytes",
    "encodeNiftiHeader",
    "encodeNpyHeader",
    "greyOf",
    "isMedmnist",
    "npyDtypeOf",
    "openNpy",
    "openNpz",
    "openZip",
    "orientationCode",
    "parseMetaImage",
    "parseMetaImageHeader",
    "parseNifti",
    "parseNiftiHeader",
    "parseNpy",
    "parseNpyHeader",
    "parseNrrd",
    "parseNrrdHeader",
    "parseVolume",
    "reorient",
    "reorientAndResample",
    "resample",
    "sliceOrder",
    "stackSlices",
    "volumeOfColumns",
    "volumeOfSlices",
    "voxelToWorld",
    "windowToUnit",
    "worldToVoxel",
  ]);
});

test("the public API for Node is this list", () => {
  assert.deepEqual(Object.keys(node).sort(), [
    "NpyWriter",
    "detectFormat",
    "openFileSource",
    "openNpyFile",
    "openNpzFile",
    "openZipFile",
    "readMetaImage",
    "readNifti",
    "readNiftiHeader",
    "readNpy",
    "readNpyHeader",
    "readNrrd",
    "readSlice",
    "readSliceFolder",
    "readVolume",
    "slicesIn",
    "writeNifti",
    "writeNpy",
  ]);
});
