/** Where slices of a model are in the scan that they were cut and resampled from. */
import type { ShownResult } from "../worker/messages.js";

type Prepared = Pick<ShownResult["prepared"], "shape" | "geometry" | "original">;

/**
 * The place of each axial slice of the model along the scan, from its feet (0) to its head (1): a scan of n slices has
 * slice k at (k + 0.5) / n. Arrays, which have no feet, count from their first slice.
 */
export function slicePlaces({ shape: [slices], geometry, original }: Prepared): number[] {
  const count = original.shape[2];
  const axis = [2, 5, 8].map((at) => original.direction[at]!);
  const along = (point: readonly number[]) => point.reduce((sum, mm, row) => sum + mm * axis[row]!, 0);
  const start = along(geometry.origin) - along(original.origin);
  return Array.from({ length: slices }, (_, k) => {
    const voxel = (start + k * geometry.spacing[2]) / original.spacing[2];
    return (voxel + 0.5) / count;
  });
}

/** The slice of a scan of `count` slices at a place of 0..1, from 0. */
export const sliceAt = (place: number, count: number): number =>
  Math.min(count - 1, Math.max(0, Math.floor(place * count)));

/** The middle of a slice. */
export const placeOf = (slice: number, count: number): number => (slice + 0.5) / count;

/** The index of the place that is nearest; null if there are none, or it is further away than half of their distance. */
export function nearestPlace(places: readonly number[], place: number): number | null {
  if (places.length === 0) return null;
  const distances = places.map((one) => Math.abs(one - place));
  const nearest = distances.indexOf(Math.min(...distances));
  const step = places.length > 1 ? Math.abs(places[1]! - places[0]!) : Infinity;
  return distances[nearest]! <= step / 2 + 1e-6 ? nearest : null;
}
