/** Safe in browsers: everything here takes and gives bytes and arrays. Files are read and written by `@slicestack/volume/node`. */
export {
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
export type { DicomSource } from "./dicom/source.js";
export { scanDicom, type DicomScan, type DicomScanOptions } from "./dicom/scan.js";
export type { SetAside, SetAsideCode } from "./dicom/set-aside.js";
export type { DicomSeries } from "./dicom/series.js";
export type { AcquisitionFacts, SeriesIdentity } from "./dicom/identity.js";
export type { DicomImage, DicomSlice, PixelLayout } from "./dicom/image.js";
export {
  readDicomSeries,
  type DicomFacts,
  type DicomVolume,
  type FilledSlice,
  type ReadDicomOptions,
} from "./dicom/read.js";
export { DicomSeriesError, type DicomSeriesCode } from "./dicom/errors.js";
