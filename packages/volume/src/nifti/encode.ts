import { hostIsLittleEndian } from "../byte-order.js";
import { VolumeArgumentError } from "../errors.js";
import { assertVolume, determinant3, type Volume, type VoxelArray } from "../volume.js";

const CODES: Record<string, [code: number, bits: number]> = {
  Uint8Array: [2, 8],
  Int16Array: [4, 16],
  Int32Array: [8, 32],
  Float32Array: [16, 32],
  Float64Array: [64, 64],
  Int8Array: [256, 8],
  Uint16Array: [512, 16],
  Uint32Array: [768, 32],
};

/** Where the voxels begin in a file that this package writes. */
const VOXEL_OFFSET = 352;
const MM_AND_SECONDS = 2 | 8;
const SCANNER_ANATOMICAL = 1;

/**
 * The first 352 bytes of a NIfTI-1 file for this volume, in the host's byte order: sform and, where the axes are at
 * right angles, qform, in RAS mm. The voxels follow unchanged.
 * @throws VolumeArgumentError where the volume is invalid or an axis is longer than NIfTI-1 allows (32767)
 */
export function encodeNiftiHeader(volume: Volume): Uint8Array {
  assertVolume(volume);
  if (volume.shape.some((n) => n > 32767)) {
    throw new VolumeArgumentError(
      "volume.shape",
      "at most 32767 voxels along an axis",
      volume.shape.join(" x "),
    );
  }
  const bytes = new Uint8Array(VOXEL_OFFSET);
  const view = new DataView(bytes.buffer);
  const int16 = (at: number, value: number) => view.setInt16(at, value, hostIsLittleEndian);
  const float32 = (at: number, ...values: number[]) =>
    values.forEach((value, i) => view.setFloat32(at + 4 * i, value, hostIsLittleEndian));
  const [code, bits] = codeOf(volume.data);
  view.setInt32(0, 348, hostIsLittleEndian);
  [3, ...volume.shape, 1, 1, 1, 1].forEach((n, i) => int16(40 + 2 * i, n));
  int16(70, code);
  int16(72, bits);
  float32(108, VOXEL_OFFSET, 1, 0);
  view.setUint8(123, MM_AND_SECONDS);
  int16(254, SCANNER_ANATOMICAL);
  float32(280, ...rasRows(volume));
  const { sign, quaternion } = quaternionOf(volume.direction);
  float32(76, sign, ...volume.spacing, 1, 1, 1, 1);
  if (quaternion !== null) {
    int16(252, SCANNER_ANATOMICAL);
    const [x, y, z] = volume.origin;
    float32(256, ...quaternion, -x, -y, z);
  }
  bytes.set([0x6e, 0x2b, 0x31, 0], 344); // "n+1"
  return bytes;
}

function codeOf(data: VoxelArray): [number, number] {
  const code = CODES[data.constructor.name];
  if (code === undefined)
    throw new VolumeArgumentError("volume.data", "a voxel array", data.constructor.name);
  return code;
}

function rasRows({ direction, spacing, origin }: Volume): number[] {
  return [0, 1, 2].flatMap((row) => {
    const sign = row < 2 ? -1 : 1;
    const axes = spacing.map((length, axis) => sign * length * (direction[row * 3 + axis] ?? NaN) + 0);
    return [...axes, sign * (origin[row] ?? NaN) + 0];
  });
}

/**
 * b, c, d of the rotation part (RAS) and pixdim[0], the sign of its determinant; null for skewed axes, which have no
 * quaternion. Shepperd, Quaternion from rotation matrix, Journal of Guidance and Control 1 (1978).
 */
function quaternionOf(direction: readonly number[]): { sign: number; quaternion: number[] | null } {
  const ras = direction.map((value, i) => (i < 6 ? -value : value));
  const at = (row: number, column: number) => ras[row * 3 + column] ?? NaN;
  for (const [a, b] of [
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const) {
    const dot = at(0, a) * at(0, b) + at(1, a) * at(1, b) + at(2, a) * at(2, b);
    if (Math.abs(dot) > 1e-4) return { sign: 1, quaternion: null };
  }
  const sign = determinant3(ras) < 0 ? -1 : 1;
  const r = (row: number, column: number) => at(row, column) * (column === 2 ? sign : 1);
  const [xx, yy, zz] = [r(0, 0), r(1, 1), r(2, 2)];
  // 4 q_i² for i = a, b, c, d; the largest is safe to divide by.
  const squares = [1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz];
  const pivot = squares.indexOf(Math.max(...squares));
  const columns = [
    [squares[0], r(2, 1) - r(1, 2), r(0, 2) - r(2, 0), r(1, 0) - r(0, 1)],
    [r(2, 1) - r(1, 2), squares[1], r(0, 1) + r(1, 0), r(0, 2) + r(2, 0)],
    [r(0, 2) - r(2, 0), r(0, 1) + r(1, 0), squares[2], r(1, 2) + r(2, 1)],
    [r(1, 0) - r(0, 1), r(0, 2) + r(2, 0), r(1, 2) + r(2, 1), squares[3]],
  ][pivot] as [number, number, number, number];
  const length = Math.hypot(...columns) * (columns[0] < 0 ? -1 : 1);
  return { sign, quaternion: columns.slice(1).map((value) => value / length) };
}
