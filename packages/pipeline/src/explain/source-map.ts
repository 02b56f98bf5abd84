/** From the grid of the stored volume to that of the source scan, by the geometry and the crop in the index. */
import { resample, uncrop, type Triple, type Volume } from "@slicestack/volume";
import type { VolumeRecord } from "../data/volume-record.js";

/**
 * A map in the space of the source scan, reoriented to LPS: interpolated linearly, 0 in cropped regions.
 * @param map_SHW on the stored grid   @param size stored height and width
 */
export function mapInSource(
  map_SHW: Float32Array,
  { geometry, original, crop, count }: Pick<VolumeRecord, "geometry" | "original" | "crop" | "count">,
  [height, width]: readonly [number, number],
): Volume {
  const stored: Volume = {
    data: map_SHW,
    shape: [width, height, count],
    spacing: geometry.spacing,
    origin: geometry.origin,
    direction: [...geometry.direction],
    unit: "arbitrary",
  };
  const [nx, ny, nz] = original.shape;
  const [x0 = 0, x1 = nx, y0 = 0, y1 = ny, z0 = 0, z1 = nz] = crop ?? [];
  const kept = resample(stored, [x1 - x0, y1 - y0, z1 - z0]);
  const box = { start: [x0, y0, z0] as Triple, end: [x1, y1, z1] as Triple };
  const whole = uncrop(kept, { box, sourceShape: original.shape, sourceOrigin: original.origin }, 0);
  // Exactly the numbers of the index, because viewers compare headers.
  return { ...whole, spacing: original.spacing, origin: original.origin, direction: [...original.direction] };
}
