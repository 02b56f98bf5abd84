/**
 * Safe in browsers: everything here takes and returns bytes and arrays. Files are read and written by
 * `@slicestack/volume/node`.
 */
export {
  RegionError,
  VolumeArgumentError,
  VolumeFileError,
  VolumeFormatError,
  type FormatProblem,
  type VolumeFormat,
} from "./errors.js";
export { Message, message, named, type Named } from "./message.js";
export { assertVolume, type Triple, type Volume, type VoxelArray } from "./volume.js";
export { affineMatrix, orientationCode, reorient, voxelToWorld, worldToVoxel } from "./geometry.js";
export {
  angleBetween,
  reorientAndResample,
  resample,
  resampleToGrid,
  type VoxelGrid,
  type ResampleOptions,
} from "./resample/resample.js";
export { windowToUnit } from "./window.js";
export { parseNiftiHeader } from "./nifti/header.js";
export { type NiftiHeader } from "./nifti/nifti-header.js";
export type { VoxelDtype } from "./dtypes.js";
export { parseNifti, type NiftiOptions, type ParseNiftiOptions } from "./nifti/parse.js";
export { encodeNiftiHeader } from "./nifti/encode.js";
export {
  encodeNpyHeader,
  parseNpyHeader,
  type NpyDtype,
  type NpyFileDtype,
  type NpyHeader,
} from "./npy/header.js";
export { npyDtypeOf, parseNpy, type NpyArray } from "./npy/array.js";
export { parseMetaImage, parseNrrd, type ParseRasterOptions } from "./raster/parse.js";
export { parseMetaImageHeader } from "./raster/metaimage.js";
export { parseNrrdHeader } from "./raster/nrrd.js";
export type { RasterHeader } from "./raster/header.js";
export type { RasterOptions } from "./raster/voxels.js";
export { blobSource, bytesSource, type ByteSource } from "./bytes/source.js";
export {
  openZip,
  type OpenZipOptions,
  type ZipArchive,
  type ZipEntry,
  type ZipLimits,
} from "./zip/open-zip.js";
export { NpyStack, openNpy, type NpyBytes } from "./npy/stack.js";
export { volumeOfColumns, volumeOfSlices } from "./npy/volume.js";
export { Npz, openNpz } from "./npz/open-npz.js";
export { isMedmnist, Medmnist, type MedmnistPart, type MedmnistVolume } from "./npz/medmnist.js";
export { sliceOrder, type SliceOrder, type SliceOrderOptions } from "./slices/order.js";
export { greyOf, stackSlices, type GreySlice } from "./slices/stack.js";
export { detectBytes } from "./detect.js";
export { parseVolume, type ParseVolumeOptions } from "./parse-volume.js";
export type { DetectedVolume, ReadVolumeOptions } from "./read-one.js";
export type { DicomSource } from "./dicom/source.js";
export { scanDicom, type DicomScan, type DicomScanOptions } from "./dicom/scan.js";
export { OWN_EQUIPMENT, type SetAside, type SetAsideCode } from "./dicom/set-aside.js";
export { partDescription, partUid, type DicomSeries } from "./dicom/dicom-series.js";
export type { AcquisitionFacts, SeriesIdentity } from "./dicom/identity.js";
export { zipDicomSource } from "./dicom/zip-source.js";
export { syntaxName } from "./dicom/syntaxes.js";
export type { DicomImage, DicomSlice, PixelLayout } from "./dicom/image.js";
export {
  planDicomSeries,
  readDicomSeries,
  type DicomFacts,
  type DicomPlan,
  type DicomVolume,
  type FilledSlice,
  type ReadDicomOptions,
} from "./dicom/read.js";
export {
  readDicomSlices,
  sortDicomSlices,
  type DicomSliceVoxels,
  type ReadDicomSlicesOptions,
} from "./dicom/read-slices.js";
export { readDicomElements } from "./dicom/raw-elements.js";
export { encodeDicom, type WrittenDataset, type WrittenValue } from "./dicom/write/encode.js";
export { WRITTEN, type WrittenName, type WrittenVr } from "./dicom/write/names.js";
export { DicomSeriesError, type DicomSeriesCode, type SeriesProblem } from "./dicom/errors.js";
export { findBody, type BodyFound, type BodyMissing } from "./regions/body.js";
export { boxOf, growBox, unionBox, type Box } from "./regions/box.js";
export { connectedComponents, Components, type Connectivity, type Runs } from "./regions/components.js";
export { cropTo, uncrop, type CropOptions, type CropRecord } from "./regions/crop.js";
export type { Grid } from "./regions/grid.js";
export type { LungFlag } from "./regions/lung-facts.js";
export { findLungs, type Lungs, type LungsFound, type LungsMissing } from "./regions/lungs.js";
export { maskBox } from "./regions/mask-box.js";
export { closing, dilate, erode, fillHoles, fillHolesInSlices, opening } from "./regions/morphology.js";
export {
  prepareVoxels,
  type PreparedVoxels,
  type PrepareOptions,
  type VoxelGeometry,
} from "./prepare/prepare-voxels.js";
export {
  misfitOf,
  recipeOf,
  otherKindOf,
  type Crop,
  type PreparedInput,
  type PrepareRecipe,
} from "./prepare/recipe.js";
export {
  acquisitionFacts,
  correctionFacts,
  FLAGS_FACT,
  GEOMETRY_FACT,
  preparationDoubts,
  shareableFacts,
} from "./prepare/facts.js";
export {
  familiarityWarnings,
  type ComparedScan,
  type FamiliarScans,
  type ScanWarning,
} from "./prepare/familiarity.js";
export { scanGeometry, type ScanGeometry } from "./prepare/scan-geometry.js";
export { HISTOGRAM_BINS, histogramDistance, valueHistogram } from "./prepare/value-histogram.js";
export { VALUE_FLAGS, valueFlags, type ValueFlag } from "./prepare/hounsfield-range.js";
export type { StoreArray, StoreDtype } from "./prepare/store-dtype.js";
export { UnusableVolumeError } from "./prepare/unusable.js";
