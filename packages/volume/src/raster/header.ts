import { MAX_VOXEL_BYTES, VOXEL_BYTES, type VoxelDtype } from "../dtypes.js";
import type { Refuse } from "../refuse.js";
import { determinant3, type Triple } from "../volume.js";

/** The checked text header of an NRRD or MetaImage file; geometry in LPS mm. */
export interface RasterHeader {
  format: "NRRD" | "MetaImage";
  dtype: VoxelDtype;
  littleEndian: boolean;
  /** nx, ny, nz: the first axis is the fastest. */
  shape: Triple;
  spacing: Triple;
  origin: Triple;
  direction: number[];
  /** What was used where the header does not give the spacing or contradicts itself. */
  geometryNotes: string[];
  /** Length of the voxels in bytes, uncompressed. */
  voxelBytes: number;
  /** The file that holds the voxels, in the folder of the header; null where the voxels follow the header. */
  dataFile: string | null;
  /** Byte offset of the voxels in that file, before inflating. */
  dataOffset: number;
  /** True where the header says that the voxels are the last bytes of that file, whatever precedes them. */
  fromEnd: boolean;
  /** Number of bytes before the first voxel, after inflating. */
  skip: number;
  /** True for gzip or zlib, which are distinguished by the first bytes. */
  compressed: boolean;
  /** True where the values are written as text. */
  text: boolean;
}

/** Limit on the length of a header, which usually has a few hundred bytes. */
export const MAX_HEADER_BYTES = 2 ** 20;

const DAMAGED = "The header is damaged; export the file again.";

/** @throws VolumeFormatError invalid sizes, or more than 16 GiB */
export function checkedSize(sizes: readonly number[], dtype: VoxelDtype, refuse: Refuse): number {
  const text = sizes.join(" x ");
  if (!sizes.every((n) => Number.isSafeInteger(n) && n > 0))
    refuse(`expected sizes > 0, its header says ${text}`, DAMAGED);
  const bytes = sizes.reduce((product, n) => product * n, VOXEL_BYTES[dtype]);
  if (!(bytes <= MAX_VOXEL_BYTES)) refuse(`its header declares ${text} voxels (${bytes} bytes)`, DAMAGED);
  return bytes;
}

/**
 * @param axes the step along each voxel axis, LPS mm
 * @throws VolumeFormatError where the axes are not three independent finite vectors
 */
export function geometryOf(
  axes: readonly (readonly number[])[],
  origin: readonly number[],
  refuse: Refuse,
): { spacing: Triple; origin: Triple; direction: number[] } {
  const spacing = axes.map((axis) => Math.hypot(...axis)) as Triple;
  // + 0 turns -0 into 0.
  const direction = [0, 1, 2].flatMap((row) =>
    axes.map((axis, k) => (axis[row] ?? NaN) / (spacing[k] ?? NaN) + 0),
  );
  const valid =
    [...axes.flat(), ...direction, ...origin].every(Number.isFinite) && spacing.every((length) => length > 0);
  if (!valid || Math.abs(determinant3(direction)) < 1e-6) {
    const words = axes.map((axis) => `(${axis.join(", ")})`).join(" ");
    const problem = `expected three independent finite axes and an origin, they are ${words} and (${origin.join(", ")})`;
    refuse(problem, "Correct the geometry in the header.");
  }
  return { spacing, origin: origin.map((mm) => mm + 0) as Triple, direction };
}

/** @param silent axes for which the header gives no spacing; a single slice does not need a distance to the next one */
export function silenceNotes(silent: readonly boolean[], shape: readonly number[]): string[] {
  const axes = ["x", "y", "z"].filter((_, axis) => silent[axis] === true && (shape[axis] ?? 1) > 1);
  return axes.length === 0
    ? []
    : [`the header does not give the spacing along ${axes.join(", ")}: 1 mm was assumed`];
}

/**
 * Checks that a file name stays in the folder of the header, so that a foreign header cannot make other files be read.
 * @throws VolumeFormatError absolute, or with ..
 */
export function checkedDataFile(name: string, refuse: Refuse): string {
  const parts = name.split(/[/\\]/);
  const leaves = /^([/\\]|[a-z]:)/i.test(name) || parts.includes("..") || name.includes("\0");
  if (name === "" || leaves)
    refuse(
      `its header names the data file "${name}", outside of its folder`,
      "Put both files into one folder.",
    );
  return name;
}

/** Numbers separated by white space; NaN where a word is not a number. */
export function numbersOf(text: string): number[] {
  return text
    .trim()
    .split(/\s+/)
    .map((word) => (word === "" ? NaN : Number(word)));
}

/**
 * "The last bytes" are accepted only where nothing precedes them: a truncated file would silently give other voxels.
 * @param held bytes from dataOffset to the end of the file
 */
export function checkFromEnd(header: RasterHeader, held: number, refuse: Refuse): void {
  if (!header.fromEnd || held <= header.voxelBytes) return;
  const before = held - header.voxelBytes;
  const [field, value] =
    header.format === "NRRD" ? ["byte skip", "byte skip: "] : ["HeaderSize", "HeaderSize = "];
  const problem = `${before} bytes come before its voxels, and ${field} -1 cannot distinguish a truncated file from a complete one`;
  refuse(problem, `If the file is whole, write ${value}${before} into its header.`);
}
