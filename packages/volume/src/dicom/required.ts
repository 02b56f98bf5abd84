import { message } from "../message.js";
import { theirNames, type DicomSlice } from "./image.js";
import { refusal } from "./refusal.js";
import type { DicomSeries } from "./dicom-series.js";

const EXPORT_ALL = "Export the series again with all its attributes.";

/** Upper limit for the slope and intercept of HU. */
const MOST = 1e6;

const isScale = (slope: number): boolean => slope !== 0 && Math.abs(slope) <= MOST;

/**
 * Refuses slices without the attributes that give their position and the unit of their values. @throws DicomSeriesError
 */
export function checkRequired(
  { seriesUid, modality }: DicomSeries,
  slices: readonly DicomSlice[],
  allowSingle: boolean,
): void {
  if (slices.length === 0) {
    throw refusal(
      seriesUid,
      "empty",
      [],
      "none of its slices was chosen",
      "Choose another acquisition or selection.",
    );
  }
  const unplaced = slices.filter(({ image }) => image.pixels.frames > 1 && !image.describesFrames);
  if (unplaced.length > 0) {
    const problem = message`its frames have no functional groups that give their position (${theirNames(unplaced)})`;
    const remedy = "Export it as enhanced CT or as single slices.";
    throw refusal(seriesUid, "frames-without-geometry", unplaced, problem, remedy);
  }
  const tags = [
    ["ImagePositionPatient", (slice: DicomSlice) => slice.position],
    ["ImageOrientationPatient", (slice: DicomSlice) => slice.orientation],
    ["PixelSpacing", (slice: DicomSlice) => slice.pixelSpacing],
  ] as const;
  for (const [tag, read] of tags) {
    const without = slices.filter((slice) => read(slice) === undefined);
    if (without.length === 0) continue;
    const share = `${without.length} of ${slices.length} slices`;
    const problem = message`${tag} is missing or not a number in ${share} (${theirNames(without)})`;
    throw refusal(seriesUid, "missing-geometry", without, problem, EXPORT_ALL);
  }
  const unscaled = slices.filter(
    ({ slope = 0, intercept = Infinity }) => !isScale(slope) || Math.abs(intercept) > MOST,
  );
  if (modality === "CT" && unscaled.length > 0) {
    const missing = "RescaleSlope or RescaleIntercept is missing or implausible, so its values are not HU";
    const problem = message`${missing} (${theirNames(unscaled)})`;
    throw refusal(seriesUid, "missing-rescale", unscaled, problem, EXPORT_ALL);
  }
  if (slices.length === 1 && !allowSingle) {
    const problem = message`it has one slice (${theirNames(slices)}), a volume needs two`;
    const remedy = "Export the whole series; slicestack inspect shows a single slice.";
    throw refusal(seriesUid, "single-slice", slices, problem, remedy);
  }
}
