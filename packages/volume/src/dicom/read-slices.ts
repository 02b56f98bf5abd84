import type { VoxelArray } from "../volume.js";
import type { DicomSeries } from "./dicom-series.js";
import type { DicomSlice } from "./image.js";
import { HounsfieldStack } from "./pixels/hounsfield.js";
import { openImage } from "./pixels/stored.js";
import { isHu, isWhole, jobsOf, rescaleOf } from "./read.js";
import { buildStack } from "./stack.js";

export interface ReadDicomSlicesOptions {
  /** URL of dcmjs-native-codecs.wasm for browsers; Node finds the file without it. */
  codecUrl?: string;
  signal?: AbortSignal;
}

/** One slice as its file stores it. */
export interface DicomSliceVoxels {
  slice: DicomSlice;
  /** Its place along the normal, from 0. */
  place: number;
  /** HU, or the values of other modalities; rows x columns, columns fastest. */
  data: VoxelArray;
}

/** The slices of a series, sorted along their normal. @throws DicomSeriesError where they have no common geometry */
export function sortDicomSlices(series: DicomSeries): DicomSlice[] {
  return buildStack(series, series.slices, { allowSingle: true }).slices;
}

/**
 * Decodes a series slice by slice, on the pixels of its files: nothing is sheared, interpolated or stacked, and one file
 * is in memory at a time. The slices of a file follow each other, otherwise they are sorted along the normal.
 * @throws DicomSeriesError the slices have no common geometry  @throws VolumeFormatError a file is damaged
 */
export async function* readDicomSlices(
  series: DicomSeries,
  options: ReadDicomSlicesOptions = {},
): AsyncGenerator<DicomSliceVoxels> {
  const stack = buildStack(series, series.slices, { allowSingle: true });
  for (const { image, frames, syntax } of jobsOf(stack)) {
    options.signal?.throwIfAborted();
    const opened = await openImage(image, syntax, { codecUrl: options.codecUrl });
    for (const { slice, place } of frames) {
      const voxels = new HounsfieldStack(series.rows * series.columns, isWhole(slice));
      voxels.write(await opened.frame(slice.frame), rescaleOf(slice, isHu(series)), 0);
      yield { slice, place, data: voxels.data };
    }
  }
}
