/** The errors of this package, without its readers. */
export { RegionError, VolumeArgumentError, VolumeFileError, VolumeFormatError } from "./errors.js";
export { DicomSeriesError } from "./dicom/errors.js";
