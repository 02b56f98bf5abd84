import type { VoxelDtype } from "../dtypes.js";
import type { Triple } from "../volume.js";

/** What the header of a NIfTI file says, checked; geometry in LPS mm. */
export interface NiftiHeader {
  version: 1 | 2;
  littleEndian: boolean;
  /** The header of a .hdr/.img pair: the voxels are in the other file. */
  pair: boolean;
  dtype: VoxelDtype;
  itemBytes: number;
  shape: Triple;
  /** Byte where the voxels begin, in the uncompressed file (of a pair: the .img file). */
  voxelOffset: number;
  /** Length of the voxels in bytes. */
  voxelBytes: number;
  /** value = stored * slope + intercept. */
  slope: number;
  intercept: number;
  spacing: Triple;
  origin: Triple;
  direction: number[];
  /** Where the geometry came from. */
  geometry: "sform" | "qform" | "pixdim";
  /** Where the header contradicts itself, or is silent on its spacing: what was taken. */
  geometryNotes: string[];
}
