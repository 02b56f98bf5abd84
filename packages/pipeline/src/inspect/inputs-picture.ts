/** Pictures of the inputs from two loaders, and of their difference. */
import type { VolumeRecord } from "../data/volume-record.js";
import { sideBySidePicture } from "./side-by-side.js";
import type { Canvas } from "./canvas.js";
import type { Loaded } from "./inputs.js";
import { short } from "./number-text.js";
import { spreadSlices } from "./tiles.js";

/** Slices of the first and the last loader, and their difference, which has full colour at 1/255 and more. */
export function inputsPicture(
  { comparison, slices_DHW }: Loaded,
  { geometry, unit }: Pick<VolumeRecord, "geometry" | "unit">,
  options: { slices: number | "all"; tile?: number },
): Canvas {
  const { arrays, window } = comparison;
  const [height = 1, width = 1, depth = 1] = arrays[0]!.shape;
  const chosen = spreadSlices(depth, options.slices);
  const plane = height * width;
  const sliceValues = (slices: Float32Array): Float32Array => {
    const kept = new Float32Array(chosen.length * plane);
    chosen.forEach((slice, k) => kept.set(slices.subarray(slice * plane, (slice + 1) * plane), k * plane));
    return kept;
  };
  const [first, last] = [sliceValues(slices_DHW[0]!), sliceValues(slices_DHW.at(-1)!)];
  const volume = (data: Float32Array) => ({
    ...geometry,
    direction: [...geometry.direction],
    data,
    shape: [width, height, chosen.length] as [number, number, number],
    unit: "arbitrary" as const,
  });
  const values = `window ${short(window[0])} to ${short(window[1])}${unit === "HU" ? " HU" : ""} as 0 to 1`;
  const verdict =
    arrays.length > 1 ? `largest difference ${short(comparison.largestDifference)}` : "one loader";
  return sideBySidePicture({
    title: [`${comparison.id} · ${values} · ${verdict}`],
    headings: [arrays[0]!.loader, arrays.at(-1)!.loader, "difference, ±1/255"],
    left: volume(first),
    right: volume(last),
    difference: last.map((value, k) => value - first[k]!),
    scale: 1 / 255,
    captions: chosen.map((slice) => String(slice + 1)),
    window: [0, 1],
    ...(options.tile === undefined ? {} : { tile: options.tile }),
  });
}
