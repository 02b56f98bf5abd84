import type { SeriesIdentity, AcquisitionFacts } from "./identity.js";
import type { DicomSlice } from "./image.js";

/**
 * Slices that belong together: one SeriesInstanceUID, size and (nearly) one orientation, in one system of coordinates.
 */
export interface DicomSeries extends SeriesIdentity {
  acquisition: AcquisitionFacts;
  rows: number;
  columns: number;
  /** UIDs, each once. */
  transferSyntaxes: string[];
  /** In the order of the files; readDicomSeries sorts them by position. */
  slices: DicomSlice[];
}
