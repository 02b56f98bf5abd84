import type { Part } from "./split/parts.js";
import type { Triple } from "@slicestack/volume";

/** One volume of a prepared data set: `count` slices, beginning with slice `first`. */
export interface VolumeRecord {
  id: string;
  subject: string;
  label: number;
  first: number;
  count: number;
  /** The part of an official split that the source names, if any. */
  part: Part | null;
  unit: "HU" | "arbitrary";
  /** Of the prepared voxels. */
  geometry: Geometry;
  /** Of the source, reoriented to LPS, before crop and resampling. */
  original: Geometry & { shape: Triple };
  /** Voxels of the source that were kept, x0, x1, y0, y1, z0, z1, ends excluded; null = all. */
  crop: readonly number[] | null;
  /** Path relative to the source folder; for a DICOM series the hash of its UID. */
  source: string;
  /** Of the source file, or of the hashes of its files if there are several. */
  sha256: string;
  /** Of the prepared voxels as stored in slices.npy. */
  voxelSha256: string;
  /** Crude mean of the lungs, for sources in HU; null otherwise. */
  meanLungHu: number | null;
  /** Further columns of the labels file. */
  extra: Record<string, string>;
}

/**
 * Positions of voxels: world(i, j, k) = origin + direction · (i, j, k) · spacing, in LPS mm; 1 mm and no rotation if the
 * source has no geometry.
 */
export interface Geometry {
  spacing: Triple;
  origin: Triple;
  /** Row-major 3 x 3. */
  direction: readonly number[];
}
