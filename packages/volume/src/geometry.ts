import { VolumeArgumentError } from "./errors.js";
import { determinant3, emptyLike, type Triple, type Volume } from "./volume.js";

const AXIS_OF: Record<string, number> = { L: 0, R: 0, P: 1, A: 1, S: 2, I: 2 };
const POSITIVE = "LPS";
const NEGATIVE = "RAI";
const ORDERS: readonly Triple[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/** World position (LPS mm) of the centre of voxel i, j, k; fractions are allowed. */
export function voxelToWorld(volume: Volume, i: number, j: number, k: number): Triple {
  const { direction: d, spacing, origin } = volume;
  const mm = [i * spacing[0], j * spacing[1], k * spacing[2]] as const;
  const along = (row: number) =>
    (d[row * 3] ?? NaN) * mm[0] + (d[row * 3 + 1] ?? NaN) * mm[1] + (d[row * 3 + 2] ?? NaN) * mm[2];
  return [origin[0] + along(0), origin[1] + along(1), origin[2] + along(2)];
}

/** Voxel index (with fractions) at a world position in LPS mm; the inverse of voxelToWorld. */
export function worldToVoxel(volume: Volume, x: number, y: number, z: number): Triple {
  const { direction: d, spacing, origin } = volume;
  const rhs = [x - origin[0], y - origin[1], z - origin[2]];
  const whole = determinant3(d);
  // Cramer's rule: column k of the direction replaced by the right-hand side.
  const index = (axis: number) =>
    determinant3(d.map((value, at) => (at % 3 === axis ? (rhs[(at - axis) / 3] ?? NaN) : value))) / whole;
  return [index(0) / spacing[0], index(1) / spacing[1], index(2) / spacing[2]];
}

/** Row-major 4 x 4 matrix from voxel index to world, LPS mm. */
export function affineMatrix(volume: Volume): number[] {
  const { direction: d, spacing, origin } = volume;
  const row = (r: number) => [...spacing.map((mm, axis) => (d[r * 3 + axis] ?? NaN) * mm), origin[r] ?? NaN];
  return [...row(0), ...row(1), ...row(2), 0, 0, 0, 1];
}

/**
 * Three letters, one per voxel axis: the side of the patient toward which the axis points most closely.
 * "LPS": x to the left, y to the back, z to the head (nibabel's aff2axcodes uses the same letters).
 */
export function orientationCode(volume: Volume): string {
  return worldAxes(volume)
    .map((world, axis) => ((volume.direction[world * 3 + axis] ?? 0) < 0 ? NEGATIVE : POSITIVE).charAt(world))
    .join("");
}

/** World axis (0 L, 1 P, 2 S) of each voxel axis: the one-to-one match with the largest sum of |cosine|. */
function worldAxes({ direction }: Volume): Triple {
  const agreement = (order: Triple) =>
    order.reduce((sum, world, axis) => sum + Math.abs(direction[world * 3 + axis] ?? 0), 0);
  return ORDERS.reduce((best, order) => (agreement(order) > agreement(best) + 1e-9 ? order : best));
}

/**
 * Permutes and flips the voxel axes until orientationCode is `code`; no value changes, and every voxel keeps its world
 * position. An oblique volume stays oblique. Returns the volume itself where there is nothing to do.
 * @param code one letter of each pair L/R, P/A, S/I, in any order
 * @throws VolumeArgumentError an invalid code
 */
export function reorient(volume: Volume, code = "LPS"): Volume {
  const { from, flip } = axesToward(volume, code);
  if (code === orientationCode(volume)) return volume;
  const shape = from.map((axis) => volume.shape[axis]) as Triple;
  const corner: Triple = [0, 0, 0];
  from.forEach((axis, target) => (corner[axis] = flip[target] === true ? volume.shape[axis as 0] - 1 : 0));
  return {
    data: permuted(volume, from, flip, shape, corner),
    shape,
    spacing: from.map((axis) => volume.spacing[axis]) as Triple,
    origin: voxelToWorld(volume, ...corner),
    direction: [0, 3, 6].flatMap((row) =>
      from.map(
        (axis, target) => (flip[target] === true ? -1 : 1) * (volume.direction[row + axis] ?? NaN) + 0,
      ),
    ),
    unit: volume.unit,
  };
}

/**
 * Which voxel axis becomes each axis of an orientation code, and whether it is flipped.
 * @throws VolumeArgumentError an invalid code
 */
export function axesToward(volume: Volume, code: string): { from: Triple; flip: boolean[] } {
  const wanted = [...code].map((letter) => AXIS_OF[letter] ?? -1);
  if (new Set(wanted).size !== 3 || wanted.length !== 3 || wanted.includes(-1)) {
    throw new VolumeArgumentError("code", "one letter of each pair L/R, P/A, S/I, such as LPS", code);
  }
  const worlds = worldAxes(volume);
  const current = orientationCode(volume);
  const from = wanted.map((world) => worlds.indexOf(world)) as Triple;
  return { from, flip: from.map((axis, target) => current.charAt(axis) !== code.charAt(target)) };
}

function permuted(
  volume: Volume,
  from: Triple,
  flip: boolean[],
  shape: Triple,
  corner: Triple,
): Volume["data"] {
  const source = volume.data;
  const [nx, ny] = volume.shape;
  const strides = [1, nx, nx * ny];
  const [sx = 0, sy = 0, sz = 0] = from.map(
    (axis, target) => (flip[target] === true ? -1 : 1) * (strides[axis] ?? 0),
  );
  const start = corner[0] + nx * (corner[1] + ny * corner[2]);
  const target = emptyLike(source, source.length);
  const width = shape[0];
  for (let z = 0, at = 0; z < shape[2]; z++) {
    for (let y = 0; y < shape[1]; y++, at += width) {
      const first = start + z * sz + y * sy;
      if (sx === 1) target.set(source.subarray(first, first + width), at);
      else if (sx === -1) target.set(source.subarray(first - width + 1, first + 1).toReversed(), at);
      else for (let x = 0, read = first; x < width; x++, read += sx) target[at + x] = source[read] as number;
    }
  }
  return target;
}
