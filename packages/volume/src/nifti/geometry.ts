import { NIFTI1, type NIFTI2 } from "nifti-reader-js";
import type { NiftiHeader } from "./header.js";
import type { Refuse } from "../refuse.js";
import { determinant3, type Triple } from "../volume.js";

type Geometry = Pick<NiftiHeader, "spacing" | "origin" | "direction" | "geometry">;
type Quaternion = [number, number, number, number];

/** mm in one unit of the header's xyzt_units: unknown counts as mm. */
const MM_PER_UNIT: Record<number, number> = { 1: 1000, 3: 0.001 };

/**
 * Spacing, origin and direction in LPS mm: from the sform, else the qform, else pixdim alone.
 * NIfTI-1 standard (nifti1.h), methods 3, 2 and 1; its world is RAS, so the x and y rows change sign.
 */
export function niftiGeometry(raw: NIFTI1 | NIFTI2, srow: readonly number[], refuse: Refuse): Geometry {
  const geometry = raw.sform_code > 0 ? "sform" : raw.qform_code > 0 ? "qform" : "pixdim";
  const rows = geometry === "sform" ? srow : geometry === "qform" ? qformRows(raw, refuse) : pixdimRows(raw);
  const mm = MM_PER_UNIT[raw.xyzt_units & 7] ?? 1;
  const at = (row: number, column: number) => (row < 2 ? -mm : mm) * (rows[row * 4 + column] ?? NaN);
  const spacing = [0, 1, 2].map((axis) => Math.hypot(at(0, axis), at(1, axis), at(2, axis))) as Triple;
  // + 0 turns -0 into 0.
  const direction = [0, 1, 2].flatMap((row) => spacing.map((length, axis) => at(row, axis) / length + 0));
  const origin = [0, 1, 2].map((row) => at(row, 3) + 0) as Triple;
  const valid = [...spacing, ...direction, ...origin].every(Number.isFinite) && spacing.every((length) => length > 0);
  if (!valid || Math.abs(determinant3(direction)) < 1e-6) {
    refuse(
      `expected three independent finite axes, its ${geometry} is [${rows.join(", ")}]`,
      "Correct the geometry in the header.",
    );
  }
  return { spacing, origin, direction, geometry };
}

function qformRows(raw: NIFTI1 | NIFTI2, refuse: Refuse): number[] {
  const [sign = 0, dx = NaN, dy = NaN, dz = NaN] = raw.pixDims;
  if (!(dx > 0 && dy > 0 && dz > 0)) {
    refuse(`expected spacing > 0 beside a qform, its pixdim is ${dx}, ${dy}, ${dz}`, "Correct pixdim in the header.");
  }
  const r = rotation(quaternion(raw, refuse));
  const scale = [dx, dy, sign < 0 ? -dz : dz];
  const offset = [raw.qoffset_x, raw.qoffset_y, raw.qoffset_z];
  return [0, 1, 2].flatMap((row) => [
    ...scale.map((length, axis) => (r[row * 3 + axis] ?? NaN) * length),
    offset[row] ?? NaN,
  ]);
}

/** The header holds b, c, d of a unit quaternion; a >= 0 follows, 0 where it would be rounding alone (half turns). */
function quaternion(raw: NIFTI1 | NIFTI2, refuse: Refuse): Quaternion {
  const { quatern_b: b, quatern_c: c, quatern_d: d } = raw;
  const squares = b * b + c * c + d * d;
  if (!(squares <= 1 + 1e-4)) {
    refuse(`expected a unit quaternion, b² + c² + d² is ${squares}`, "Correct the qform in the header.");
  }
  const rounding = 3 * (raw instanceof NIFTI1 ? 2 ** -23 : 2 ** -52);
  if (1 - squares > rounding) return [Math.sqrt(1 - squares), b, c, d];
  const length = Math.sqrt(squares);
  return [0, b / length, c / length, d / length];
}

/** Row-major rotation matrix of a unit quaternion. */
function rotation([a, b, c, d]: Quaternion): number[] {
  return [
    ...[1 - 2 * (c * c + d * d), 2 * (b * c - a * d), 2 * (b * d + a * c)],
    ...[2 * (b * c + a * d), 1 - 2 * (b * b + d * d), 2 * (c * d - a * b)],
    ...[2 * (b * d - a * c), 2 * (c * d + a * b), 1 - 2 * (b * b + c * c)],
  ];
}

/** Neither sform nor qform: axes along +x, +y, +z of RAS, origin 0; a spacing that is not given counts as 1. */
function pixdimRows(raw: NIFTI1 | NIFTI2): number[] {
  const [dx, dy, dz] = raw.pixDims.slice(1, 4).map((d) => (Number.isFinite(d) && d !== 0 ? Math.abs(d) : 1));
  return [dx ?? 1, 0, 0, 0, 0, dy ?? 1, 0, 0, 0, 0, dz ?? 1, 0];
}
