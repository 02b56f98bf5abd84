import { DicomSeriesError } from "./errors.js";
import type { DicomHeader } from "./header.js";
import type { DicomSlice } from "./image.js";
import { analyseSpacing } from "./spacing.js";
import { splitAcquisitions } from "./split-acquisitions.js";
import { buildStack } from "./stack.js";
import type { DicomSeries } from "./dicom-series.js";

/**
 * Cosine of 3 degrees: a slice that is rotated by more belongs to another series, such as a reformat under the same
 * UID.
 */
const SAME_ORIENTATION = 0.9986;

/** Groups the slices of all files; the order of files and series is kept. */
export function groupSeries(headers: readonly DicomHeader[]): DicomSeries[] {
  const groups = new Map<string, DicomSeries[]>();
  for (const { identity, acquisition, image, slices } of headers) {
    const { rows, columns } = image.pixels;
    const { patientId, studyUid, seriesUid, modality } = identity;
    const key = JSON.stringify([patientId, studyUid, seriesUid, modality, rows, columns]);
    const alike = groups.get(key) ?? [];
    groups.set(key, alike);
    for (const slice of slices) {
      let series = alike.find((one) => sameOrientation(one.slices[0], slice));
      if (series === undefined) {
        series = { ...identity, acquisition, part: "", rows, columns, transferSyntaxes: [], slices: [] };
        alike.push(series);
      }
      series.slices.push(slice);
      if (!series.transferSyntaxes.includes(image.syntaxUid)) series.transferSyntaxes.push(image.syntaxUid);
    }
  }
  return [...groups.values()].flat().flatMap(inOneFrame).flatMap(splitAcquisitions);
}

/**
 * Positions can only be compared within one frame of reference. However, de-identification may give every file a
 * different one (as TCIA did for LIDC-IDRI): where all positions together are regular, they belong to one series.
 * Otherwise each frame of reference is a series, unless one of them has a single slice: then the whole series is
 * refused.
 */
function inOneFrame(series: DicomSeries): DicomSeries[] {
  const frames = framesOf(series);
  if (frames.length === 1 || isRegular(series)) return [series];
  const parts = frames.map((frame): DicomSeries => {
    const slices = series.slices.filter(({ image }) => image.frameOfReference === frame);
    const transferSyntaxes = [...new Set(slices.map(({ image }) => image.syntaxUid))];
    return { ...series, frameOfReference: frame, slices, transferSyntaxes };
  });
  return parts.every(({ slices }) => slices.length > 1) ? parts : [series];
}

/** Its frames of reference, each once. */
export const framesOf = ({ slices }: DicomSeries): string[] => [
  ...new Set(slices.map(({ image }) => image.frameOfReference)),
];

function isRegular(series: DicomSeries): boolean {
  try {
    return analyseSpacing(buildStack(series, series.slices, {}).along).kind === "regular";
  } catch (error) {
    if (error instanceof DicomSeriesError) return false;
    throw error;
  }
}

function sameOrientation(one: DicomSlice | undefined, other: DicomSlice): boolean {
  const [a, b] = [one?.orientation, other.orientation];
  // Slices without an orientation stay with the others, so that the series is refused rather than silently shortened.
  if (a === undefined || b === undefined) return true;
  // Slices with an invalid orientation stay together, for the same reason.
  if (a.every((value, i) => value === b[i])) return true;
  const cosine = (from: number) =>
    [0, 1, 2].reduce((sum, i) => sum + (a[from + i] ?? 0) * (b[from + i] ?? 0), 0);
  return cosine(0) >= SAME_ORIENTATION && cosine(3) >= SAME_ORIENTATION;
}
