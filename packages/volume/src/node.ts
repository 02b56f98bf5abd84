/** Files on disk, for Node: readers that stream, and writers whose file appears only when it is complete. */
export { readNifti, readNiftiHeader, writeNifti, type WriteNiftiOptions } from "./node/nifti-file.js";
export {
  openNpyFile,
  readNpy,
  readNpyHeader,
  writeNpy,
  type NpyFile,
  type NpySource,
} from "./node/npy-file.js";
export { NpyWriter } from "./node/npy-writer.js";
export { readMetaImage, readNrrd, readRasterHeader } from "./node/raster-file.js";
export { openFileSource, type FileSource } from "./node/file-source.js";
export { openNpzFile, openZipFile, type NpzFile, type ZipFile } from "./node/zip-file.js";
export { readSlice, readSliceFolder, slicesIn, type SliceFolderOptions } from "./node/slice-folder.js";
export { detectFormat, readVolume, type ReadPathOptions } from "./node/read-volume.js";
export { dicomFile, dicomFiles } from "./node/dicom-files.js";
