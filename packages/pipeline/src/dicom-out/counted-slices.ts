/** The slices that count for a decision, as images of the source. */
import { voxelToWorld, type DicomSlice, type Triple } from "@slicestack/volume";
import type { PreparedPlace, StatedResult } from "./stated.js";

export interface CountedSlice {
  source: DicomSlice;
  weight: number;
}

/** More would hide which ones count. */
const MOST = 10;
/** A slice stands out where its weight is this many times the mean: below, a head weights all slices nearly alike. */
const STANDS_OUT = 1.01;

/**
 * The slices with the largest weights above the mean, largest first, each as the nearest image of the source. Where two
 * prepared slices are nearest to one image, the larger weight is kept.
 * @param sources sorted along their normal
 */
export function countedSlices(
  weighted: StatedResult["slices"],
  place: PreparedPlace,
  sources: readonly DicomSlice[],
): CountedSlice[] {
  const known = weighted.flatMap(({ slice, weight }) =>
    slice === null || weight === null ? [] : [{ slice, weight }],
  );
  const mean = known.reduce((sum, { weight }) => sum + weight, 0) / known.length;
  const counted = new Map<DicomSlice, number>();
  for (const { slice, weight } of known.sort((a, b) => b.weight - a.weight || a.slice - b.slice)) {
    if (counted.size === MOST || weight <= STANDS_OUT * mean) break;
    const source = nearest(sources, centreOf(slice, place));
    if (!counted.has(source)) counted.set(source, weight);
  }
  return [...counted].map(([source, weight]) => ({ source, weight }));
}

/** LPS mm of the middle of a prepared slice. */
function centreOf(slice: number, { geometry, count, size: [height, width] }: PreparedPlace): Triple {
  const { spacing, origin, direction } = geometry;
  const grid = { shape: [width, height, count] as Triple, spacing, origin, direction: [...direction] };
  return voxelToWorld(
    { ...grid, data: new Uint8Array(), unit: "arbitrary" },
    (width - 1) / 2,
    (height - 1) / 2,
    slice,
  );
}

function nearest(sources: readonly DicomSlice[], point: Triple): DicomSlice {
  const distance = ({ position, orientation }: DicomSlice) => {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = orientation!;
    const normal = [b * f - c * e, c * d - a * f, a * e - b * d];
    return Math.abs(normal.reduce((sum, n, k) => sum + n * (point[k]! - position![k]!), 0));
  };
  return sources.reduce((best, source) => (distance(source) < distance(best) ? source : best));
}
