/** Source, prepared volume and difference in one picture. */
import { resampleToGrid, type Volume, type VoxelGrid } from "@slicestack/volume";
import { sideBySidePicture } from "./side-by-side.js";
import type { Canvas } from "./canvas.js";
import type { ComparedVolumes } from "./compare.js";
import { captionOf } from "./montage.js";
import { short, times } from "./number-text.js";
import { preparedRegion, sliceGrid } from "./source-region.js";
import { spreadSlices, type Window } from "./tiles.js";

export interface PictureOptions {
  crop: readonly number[] | null;
  slices: number | "all";
  window: Window;
  tile?: number;
  placed: boolean;
}

/** The source at the positions of prepared slices with its original pixels, these slices, and the difference on their grid. */
export function comparisonPicture(
  { comparison, source, prepared, difference }: ComparedVolumes,
  options: PictureOptions,
): Canvas {
  const chosen = spreadSlices(prepared.shape[2], options.slices);
  const region = preparedRegion(source, options.crop);
  const slices = chosen.map((k) =>
    resampleToGrid(region, sliceGrid(region, prepared, k), { antialias: false }),
  );
  const [width, height] = region.shape;
  const left: Volume = {
    ...region,
    shape: [width, height, chosen.length],
    data: joined(slices.map(({ data }) => Float32Array.from(data))),
  };
  const unit = prepared.unit === "HU" ? " HU" : "";
  const scale = prepared.unit === "HU" ? 20 : Math.max(1e-6, (options.window[1] - options.window[0]) / 50);
  const pixels = ({ shape, spacing }: VoxelGrid) =>
    options.placed ? `${times(spacing.slice(0, 2))} mm` : `${times(shape.slice(0, 2))} pixels`;
  const plane = prepared.shape[0] * prepared.shape[1];
  const sliceValues = (data: Float32Array | Volume["data"]) =>
    joined(chosen.map((k) => Float32Array.from(data.subarray(k * plane, (k + 1) * plane))));
  return sideBySidePicture({
    title: [
      `${comparison.id} · window ${short(options.window[0])} to ${short(options.window[1])}${unit} · largest difference ${short(comparison.difference.largest)}${unit}`,
    ],
    headings: [
      `source, ${pixels(region)}`,
      `prepared, ${pixels(prepared)}`,
      `difference, ±${short(scale)}${unit}`,
    ],
    left,
    right: {
      ...prepared,
      shape: [prepared.shape[0], prepared.shape[1], chosen.length],
      data: sliceValues(prepared.data),
    },
    difference: sliceValues(difference),
    scale,
    captions: chosen.map((k) => captionOf(prepared, k, options.placed)),
    window: options.window,
    ...(options.tile === undefined ? {} : { tile: options.tile }),
  });
}

function joined(slices: readonly Float32Array[]): Float32Array {
  const length = slices.reduce((sum, slice) => sum + slice.length, 0);
  const all = new Float32Array(length);
  let at = 0;
  for (const slice of slices) {
    all.set(slice, at);
    at += slice.length;
  }
  return all;
}
