import type { SeriesIdentity, AcquisitionFacts } from "./identity.js";
import type { DicomSlice } from "./image.js";

/**
 * Slices that belong together: one SeriesInstanceUID, size and (nearly) one orientation, in one system of coordinates.
 */
export interface DicomSeries extends SeriesIdentity {
  acquisition: AcquisitionFacts;
  /**
   * Which of several acquisitions or phases over the same positions, such as "acquisition 2"; "" if it is the whole
   * series. The parts share the identity of their series.
   */
  part: string;
  rows: number;
  columns: number;
  /** UIDs, each once. */
  transferSyntaxes: string[];
  /** In the order of the files; readDicomSeries sorts them by position. */
  slices: DicomSlice[];
}

/** The SeriesInstanceUID, followed by the part if the series was split, such as "1.2.3-acquisition-2". */
export const partUid = ({ seriesUid, part }: Pick<DicomSeries, "seriesUid" | "part">): string =>
  part === "" ? seriesUid : `${seriesUid}-${part.replace(" ", "-")}`;

/** The SeriesDescription, followed by the part if the series was split. */
export const partDescription = ({
  seriesDescription,
  part,
}: Pick<DicomSeries, "seriesDescription" | "part">): string =>
  [seriesDescription, part].filter((text) => text !== "").join(", ");
