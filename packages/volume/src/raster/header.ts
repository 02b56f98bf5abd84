import { MAX_VOXEL_BYTES, VOXEL_BYTES, type VoxelDtype } from "../dtypes.js";
import type { Refuse } from "../refuse.js";
import { determinant3, type Triple } from "../volume.js";

/** What the text header of an NRRD or MetaImage file says, checked; geometry in LPS mm. */
export interface RasterHeader {
  format: "NRRD" | "MetaImage";
  dtype: VoxelDtype;
  littleEndian: boolean;
  /** nx, ny, nz: the first axis is the fastest. */
  shape: Triple;
  spacing: Triple;
  origin: Triple;
  direction: number[];
  /** Where the header is silent on its spacing, or contradicts itself: what was taken. */
  geometryNotes: string[];
  /** Length of the voxels in bytes, uncompressed. */
  voxelBytes: number;
  /** Where the voxels are: the name of a file beside the header, or null where they follow it. */
  dataFile: string | null;
  /** Byte of that file where they begin, before inflating. */
  dataOffset: number;
  /** The header says that the voxels are the last bytes of that file, whatever comes before them. */
  fromEnd: boolean;
  /** Bytes before the first voxel, after inflating. */
  skip: number;
  /** gzip or zlib, told by its first bytes. */
  compressed: boolean;
  /** The values are written as text. */
  text: boolean;
}

/** Headers are text of some hundred bytes; longer ones are not read. */
export const MAX_HEADER_BYTES = 2 ** 20;

const DAMAGED = "The header is damaged; export the file again.";

/** @throws VolumeFormatError sizes that are none, or beyond 16 GiB */
export function checkedSize(sizes: readonly number[], dtype: VoxelDtype, refuse: Refuse): number {
  const text = sizes.join(" x ");
  if (!sizes.every((n) => Number.isSafeInteger(n) && n > 0))
    refuse(`expected sizes > 0, its header says ${text}`, DAMAGED);
  const bytes = sizes.reduce((product, n) => product * n, VOXEL_BYTES[dtype]);
  if (!(bytes <= MAX_VOXEL_BYTES)) refuse(`its header announces ${text} voxels (${bytes} bytes)`, DAMAGED);
  return bytes;
}

/**
 * @param axes the step along each voxel axis, LPS mm
 * @throws VolumeFormatError where the axes are no three independent finite vectors
 */
export function geometryOf(
  axes: readonly (readonly number[])[],
  origin: readonly number[],
  refuse: Refuse,
): { spacing: Triple; origin: Triple; direction: number[] } {
  const spacing = axes.map((axis) => Math.hypot(...axis)) as Triple;
  // + 0 turns -0 into 0.
  const direction = [0, 1, 2].flatMap((row) => axes.map((axis, k) => (axis[row] ?? NaN) / (spacing[k] ?? NaN) + 0));
  const valid =
    [...axes.flat(), ...direction, ...origin].every(Number.isFinite) && spacing.every((length) => length > 0);
  if (!valid || Math.abs(determinant3(direction)) < 1e-6) {
    const words = axes.map((axis) => `(${axis.join(", ")})`).join(" ");
    const problem = `expected three independent finite axes and an origin, they are ${words} and (${origin.join(", ")})`;
    refuse(problem, "Correct the geometry in the header.");
  }
  return { spacing, origin: origin.map((mm) => mm + 0) as Triple, direction };
}

/** @param silent axes on whose spacing the header says nothing; a single slice says nothing of the distance to a next one, and need not */
export function silenceNotes(silent: readonly boolean[], shape: readonly number[]): string[] {
  const axes = ["x", "y", "z"].filter((_, axis) => silent[axis] === true && (shape[axis] ?? 1) > 1);
  return axes.length === 0 ? [] : [`the header says nothing of the spacing along ${axes.join(", ")}: 1 mm was taken`];
}

/**
 * A name that stays in the folder of the header: what a header from elsewhere names is not read from anywhere else.
 * @throws VolumeFormatError absolute, or with ..
 */
export function checkedDataFile(name: string, refuse: Refuse): string {
  const parts = name.split(/[/\\]/);
  const leaves = /^([/\\]|[a-z]:)/i.test(name) || parts.includes("..") || name.includes("\0");
  if (name === "" || leaves)
    refuse(`its header names the data file "${name}", outside of its folder`, "Put both files into one folder.");
  return name;
}

/** Numbers between white space; NaN where a word is none. */
export function numbersOf(text: string): number[] {
  return text
    .trim()
    .split(/\s+/)
    .map((word) => (word === "" ? NaN : Number(word)));
}

/**
 * "The last bytes" are believed only where they are all there is: a cut file would give other voxels in silence.
 * @param held bytes from dataOffset to the end of the file
 */
export function checkFromEnd(header: RasterHeader, held: number, refuse: Refuse): void {
  if (!header.fromEnd || held <= header.voxelBytes) return;
  const before = held - header.voxelBytes;
  const [field, value] = header.format === "NRRD" ? ["byte skip", "byte skip: "] : ["HeaderSize", "HeaderSize = "];
  const problem = `${before} bytes come before its voxels, and ${field} -1 cannot tell a cut file from a whole one`;
  refuse(problem, `If the file is whole, write ${value}${before} into its header.`);
}
