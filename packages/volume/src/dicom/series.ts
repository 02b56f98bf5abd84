import type { DicomHeader } from "./header.js";
import type { AcquisitionFacts, SeriesIdentity } from "./identity.js";
import type { DicomSlice } from "./image.js";

/** Slices that belong together: one SeriesInstanceUID, frame of reference, size and (nearly) one orientation. */
export interface DicomSeries extends SeriesIdentity {
  acquisition: AcquisitionFacts;
  rows: number;
  columns: number;
  /** UIDs, each once. */
  transferSyntaxes: string[];
  /** In the order in which the files came; readDicomSeries sorts them by position. */
  slices: DicomSlice[];
}

/** Cosine of 3 degrees: what turns more is another series, such as a reformat under the same UID. */
const SAME_ORIENTATION = 0.9986;

/** Groups the slices of all files; the order of files and series stays. */
export function groupSeries(headers: readonly DicomHeader[]): DicomSeries[] {
  const groups = new Map<string, DicomSeries[]>();
  for (const { identity, acquisition, image, slices } of headers) {
    const { rows, columns } = image.pixels;
    const { patientId, studyUid, seriesUid, frameOfReference, modality } = identity;
    const key = JSON.stringify([patientId, studyUid, seriesUid, frameOfReference, modality, rows, columns]);
    const alike = groups.get(key) ?? [];
    groups.set(key, alike);
    for (const slice of slices) {
      let series = alike.find((one) => sameOrientation(one.slices[0], slice));
      if (series === undefined) {
        series = { ...identity, acquisition, rows, columns, transferSyntaxes: [], slices: [] };
        alike.push(series);
      }
      series.slices.push(slice);
      if (!series.transferSyntaxes.includes(image.syntaxUid)) series.transferSyntaxes.push(image.syntaxUid);
    }
  }
  return [...groups.values()].flat();
}

function sameOrientation(one: DicomSlice | undefined, other: DicomSlice): boolean {
  const [a, b] = [one?.orientation, other.orientation];
  // Slices without an orientation stay with the others, so that the series is refused and not silently cut.
  if (a === undefined || b === undefined) return true;
  // One that is no orientation stays with its like, for the same reason.
  if (a.every((value, i) => value === b[i])) return true;
  const cosine = (from: number) => [0, 1, 2].reduce((sum, i) => sum + (a[from + i] ?? 0) * (b[from + i] ?? 0), 0);
  return cosine(0) >= SAME_ORIENTATION && cosine(3) >= SAME_ORIENTATION;
}
