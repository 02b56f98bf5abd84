import { NIFTI1, type NIFTI2 } from "nifti-reader-js";
import type { NiftiHeader } from "./nifti-header.js";
import type { Refuse } from "../refuse.js";
import { determinant3, type Triple } from "../volume.js";

type Geometry = Pick<NiftiHeader, "spacing" | "origin" | "direction" | "geometry" | "geometryNotes">;
type Quaternion = [number, number, number, number];

/** mm in one unit of the header's xyzt_units: unknown counts as mm. */
const MM_PER_UNIT: Record<number, number> = { 1: 1000, 3: 0.001 };

/**
 * Spacing, origin and direction in LPS mm, taken from the sform, else the qform, else pixdim alone.
 * NIfTI-1 standard (nifti1.h), methods 3, 2 and 1; its world is RAS, so the x and y rows change sign. An identity sform
 * whose spacing differs from pixdim was never filled in and is ignored, as is one without axes beside a qform. Where the
 * header contradicts itself, the notes say what was used.
 */
export function niftiGeometry(raw: NIFTI1 | NIFTI2, srow: readonly number[], refuse: Refuse): Geometry {
  const empty = raw.sform_code > 0 ? unfilled(srow, raw) : null;
  const geometry = raw.sform_code > 0 && empty === null ? "sform" : raw.qform_code > 0 ? "qform" : "pixdim";
  const problem = geometry === "qform" ? qformProblem(raw) : null;
  if (problem !== null) refuse(...problem);
  const rows = geometry === "sform" ? srow : geometry === "qform" ? qformRows(raw) : pixdimRows(raw);
  const mm = MM_PER_UNIT[raw.xyzt_units & 7] ?? 1;
  const at = (row: number, column: number) => (row < 2 ? -mm : mm) * (rows[row * 4 + column] ?? NaN);
  const spacing = [0, 1, 2].map((axis) => Math.hypot(at(0, axis), at(1, axis), at(2, axis))) as Triple;
  // + 0 turns -0 into 0.
  const direction = [0, 1, 2].flatMap((row) => spacing.map((length, axis) => at(row, axis) / length + 0));
  const origin = [0, 1, 2].map((row) => at(row, 3) + 0) as Triple;
  const valid =
    [...spacing, ...direction, ...origin].every(Number.isFinite) && spacing.every((length) => length > 0);
  if (!valid || Math.abs(determinant3(direction)) < 1e-6) {
    refuse(
      `expected three independent finite axes, its ${geometry} is [${rows.join(", ")}]`,
      "Correct the geometry in the header.",
    );
  }
  const geometryNotes = [
    ...(empty === null ? [] : [`the sform ${empty}: the ${geometry} was used`]),
    ...(geometry === "sform" ? sformNotes(raw, srow) : []),
    ...(geometry === "pixdim" ? pixdimNotes(raw) : []),
  ];
  return { spacing, origin, direction, geometry, geometryNotes };
}

/**
 * Relative difference in spacing, and cosine, within which two statements of one header count as equal up to rounding.
 */
const SPACING_TOLERANCE = 0.01;
const COSINE_TOLERANCE = 0.999;

const pixdimOf = (raw: NIFTI1 | NIFTI2): number[] => raw.pixDims.slice(1, 4).map(Math.abs);
const isSpacing = (length: number): boolean => Number.isFinite(length) && length > 0;
const mmText = (lengths: readonly number[]): string =>
  lengths.map((mm) => String(Number(mm.toPrecision(4)))).join(" x ");

/** Whether two spacings differ along an axis for which both give a value. */
const differ = (a: readonly number[], b: readonly number[]): boolean =>
  a.some((length, axis) => {
    const other = b[axis]!;
    return isSpacing(length) && isSpacing(other) && Math.abs(length / other - 1) > SPACING_TOLERANCE;
  });

/** How it shows that nobody filled the sform in; null where somebody did, or where only the sform says where the axes point. */
function unfilled(srow: readonly number[], raw: NIFTI1 | NIFTI2): string | null {
  const hasNoAxes = [0, 1, 2].every((axis) => columnOf(srow, axis).every((value) => value === 0));
  if (hasNoAxes) return raw.qform_code > 0 && qformProblem(raw) === null ? "is all zeros" : null;
  const isIdentity = srow.every((value, i) => value === (i % 5 === 0 ? 1 : 0));
  if (!isIdentity || !differ(pixdimOf(raw), [1, 1, 1])) return null;
  return `is the identity, but pixdim is ${mmText(pixdimOf(raw))}`;
}

const columnOf = (rows: readonly number[], column: number): number[] =>
  [0, 1, 2].map((row) => rows[row * 4 + column]!);
const lengthsOf = (rows: readonly number[]): number[] =>
  [0, 1, 2].map((axis) => Math.hypot(...columnOf(rows, axis)));

function sformNotes(raw: NIFTI1 | NIFTI2, srow: readonly number[]): string[] {
  const lengths = lengthsOf(srow);
  const pixdim = pixdimOf(raw);
  const notes = differ(lengths, pixdim)
    ? [`the sform has voxels of ${mmText(lengths)}, pixdim of ${mmText(pixdim)}: the sform was used`]
    : [];
  // An invalid qform is not used, so it cannot contradict.
  if (raw.qform_code <= 0 || qformProblem(raw) !== null) return notes;
  const qform = qformRows(raw);
  const others = lengthsOf(qform);
  const turned = [0, 1, 2].some((axis) => {
    const [a, b] = [columnOf(srow, axis), columnOf(qform, axis)];
    const cosine = a.reduce((sum, value, k) => sum + value * b[k]!, 0) / (lengths[axis]! * others[axis]!);
    return cosine < COSINE_TOLERANCE;
  });
  return turned ? [...notes, "sform and qform point in different directions: the sform was used"] : notes;
}

/** A file of one slice does not need a distance to the next one. */
function pixdimNotes(raw: NIFTI1 | NIFTI2): string[] {
  const pixdim = raw.pixDims.slice(1, 4);
  const silent = pixdim.some((length, axis) => !isSpacing(Math.abs(length)) && (raw.dims[axis + 1] ?? 1) > 1);
  if (!silent) return [];
  return [
    `there is neither sform nor qform, and pixdim is ${pixdim.join(" x ")}: 1 mm was assumed where it gives no value`,
  ];
}

/** Why a qform has no valid geometry, and what to do about it; null where it is valid. */
function qformProblem({
  pixDims,
  quatern_b: b,
  quatern_c: c,
  quatern_d: d,
}: NIFTI1 | NIFTI2): [string, string] | null {
  const [, dx = NaN, dy = NaN, dz = NaN] = pixDims;
  if (!(dx > 0 && dy > 0 && dz > 0))
    return [
      `expected spacing > 0 beside a qform, its pixdim is ${dx}, ${dy}, ${dz}`,
      "Correct pixdim in the header.",
    ];
  const squares = b * b + c * c + d * d;
  if (squares <= 1 + 1e-4) return null;
  return [`expected a unit quaternion, b² + c² + d² is ${squares}`, "Correct the qform in the header."];
}

/** Geometry of a valid qform. */
function qformRows(raw: NIFTI1 | NIFTI2): number[] {
  const [sign = 0, dx = NaN, dy = NaN, dz = NaN] = raw.pixDims;
  const r = rotation(quaternion(raw));
  const scale = [dx, dy, sign < 0 ? -dz : dz];
  const offset = [raw.qoffset_x, raw.qoffset_y, raw.qoffset_z];
  return [0, 1, 2].flatMap((row) => [
    ...scale.map((length, axis) => (r[row * 3 + axis] ?? NaN) * length),
    offset[row] ?? NaN,
  ]);
}

/**
 * The header holds b, c, d of a unit quaternion; a >= 0 follows from them, and is 0 where it would only be rounding
 * (half turns).
 */
function quaternion(raw: NIFTI1 | NIFTI2): Quaternion {
  const { quatern_b: b, quatern_c: c, quatern_d: d } = raw;
  const squares = b * b + c * c + d * d;
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

/** Neither sform nor qform: axes along +x, +y, +z of RAS, origin 0; a missing spacing counts as 1. */
function pixdimRows(raw: NIFTI1 | NIFTI2): number[] {
  const [dx, dy, dz] = raw.pixDims.slice(1, 4).map((d) => (Number.isFinite(d) && d !== 0 ? Math.abs(d) : 1));
  return [dx ?? 1, 0, 0, 0, 0, dy ?? 1, 0, 0, 0, 0, dz ?? 1, 0];
}
