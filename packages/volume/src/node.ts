/** Files on disk, for Node: readers that stream, writers whose file appears only when it is whole. */
export { readNifti, readNiftiHeader, writeNifti, type WriteNiftiOptions } from "./node/nifti-file.js";
export { readNpy, readNpyHeader, writeNpy, type NpySource } from "./node/npy-file.js";
export { NpyWriter } from "./node/npy-writer.js";
export { dicomFile, dicomFiles } from "./node/dicom-files.js";
