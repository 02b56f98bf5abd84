/** Safe in browsers: everything here takes and gives bytes and arrays. Files are read and written by `@slicestack/volume/node`. */
export {
  RegionError,
  VolumeArgumentError,
  VolumeFileError,
  VolumeFormatError,
  type FormatProblem,
  type VolumeFormat,
} from "./errors.js";
export { assertVolume, type Triple, type Volume, type VoxelArray } from "./volume.js";
export { affineMatrix, orientationCode, reorient, voxelToWorld, worldToVoxel } from "./geometry.js";
export { resample, type ResampleOptions } from "./resample.js";
export { windowToUnit } from "./window.js";
export { parseNiftiHeader, type NiftiDtype, type NiftiHeader } from "./nifti/header.js";
export { parseNifti, type NiftiOptions } from "./nifti/parse.js";
export { encodeNiftiHeader } from "./nifti/encode.js";
export { encodeNpyHeader, parseNpyHeader, type NpyDtype, type NpyFileDtype, type NpyHeader } from "./npy/header.js";
export { npyDtypeOf, parseNpy, type NpyArray } from "./npy/array.js";
export { findBody, type BodyFound, type BodyMissing } from "./regions/body.js";
export { boxOf, growBox, unionBox, type Box } from "./regions/box.js";
export { connectedComponents, Components, type Connectivity } from "./regions/components.js";
export { cropTo, uncrop, type CropOptions, type CropRecord } from "./regions/crop.js";
export type { Grid } from "./regions/grid.js";
export type { LungFlag } from "./regions/lung-facts.js";
export { findLungs, type Lungs, type LungsFound, type LungsMissing } from "./regions/lungs.js";
export { maskBox } from "./regions/mask-box.js";
export { closing, dilate, erode, fillHoles, fillHolesInSlices, opening } from "./regions/morphology.js";
