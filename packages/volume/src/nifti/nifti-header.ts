import type { VoxelDtype } from "../dtypes.js";
import type { Triple } from "../volume.js";

/** The checked header of a NIfTI file; geometry in LPS mm. */
export interface NiftiHeader {
  version: 1 | 2;
  littleEndian: boolean;
  /** True for the header of a .hdr/.img pair, whose voxels are in the other file. */
  pair: boolean;
  dtype: VoxelDtype;
  itemBytes: number;
  shape: Triple;
  /** Byte offset of the voxels in the uncompressed file (for a pair: in the .img file). */
  voxelOffset: number;
  /** Length of the voxels in bytes. */
  voxelBytes: number;
  /** value = stored * slope + intercept. */
  slope: number;
  intercept: number;
  spacing: Triple;
  origin: Triple;
  direction: number[];
  /** The source of the geometry. */
  geometry: "sform" | "qform" | "pixdim";
  /** What was used where the header contradicts itself or does not give the spacing. */
  geometryNotes: string[];
}
