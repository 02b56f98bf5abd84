import type { Triple } from "../volume.js";

export const dot = (a: Triple, b: Triple): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const minus = (a: Triple, b: Triple): Triple => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scaled = (a: Triple, by: number): Triple => [a[0] * by, a[1] * by, a[2] * by];
export const cross = (a: Triple, b: Triple): Triple => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** Direction cosines are written with few digits. */
const UNIT = 5e-3;

/**
 * The axes given by ImageOrientationPatient, made orthonormal: x is kept, y is made perpendicular to it, and their
 * normal follows.
 * @returns undefined where the attribute is not two perpendicular unit vectors
 */
export function orthonormal(
  orientation: readonly number[],
): { x: Triple; y: Triple; normal: Triple } | undefined {
  const [x, y] = [orientation.slice(0, 3) as Triple, orientation.slice(3, 6) as Triple];
  const areUnits = [x, y].every((axis) => Math.abs(Math.hypot(...axis) - 1) <= UNIT);
  if (!areUnits || Math.abs(dot(x, y)) > UNIT) return undefined;
  const unitX = scaled(x, 1 / Math.hypot(...x));
  const across = minus(y, scaled(unitX, dot(y, unitX)));
  const unitY = scaled(across, 1 / Math.hypot(...across));
  return { x: unitX, y: unitY, normal: cross(unitX, unitY) };
}
