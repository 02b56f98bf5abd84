/** Affine maps of two or three dimensions as square matrices whose last row is 0 … 0 1. */
export type Matrix = readonly (readonly number[])[];

const radians = Math.PI / 180;

/** The identity with some of its entries replaced. */
function identityBut(
  dims: number,
  entries: readonly (readonly [row: number, column: number, value: number])[],
): Matrix {
  const rows: number[][] = Array.from({ length: dims + 1 }, (_, row) =>
    Array.from({ length: dims + 1 }, (_, column) => (row === column ? 1 : 0)),
  );
  for (const [row, column, value] of entries) rows[row]![column] = value;
  return rows;
}

export const identity = (dims: number): Matrix => identityBut(dims, []);

/** The product, which applies the last matrix first. */
export function compose(...matrices: Matrix[]): Matrix {
  return matrices.reduce((a, b) =>
    a.map((row) => row.map((_, column) => row.reduce((sum, value, k) => sum + value * b[k]![column]!, 0))),
  );
}

export function shiftBy(by: readonly number[]): Matrix {
  return identityBut(
    by.length,
    by.map((value, row) => [row, by.length, value]),
  );
}

export function scaleBy(factors: readonly number[]): Matrix {
  return identityBut(
    factors.length,
    factors.map((factor, axis) => [axis, axis, factor]),
  );
}

/** Turns axis `from` towards axis `to`. */
export function turn(dims: number, from: number, to: number, degrees: number): Matrix {
  const [cos, sin] = [Math.cos(degrees * radians), Math.sin(degrees * radians)];
  return identityBut(dims, [
    [from, from, cos],
    [to, from, sin],
    [from, to, -sin],
    [to, to, cos],
  ]);
}

/** Shear: for each of `pairsOf(dims)`, the first axis increases with the second by the tangent of the angle. */
export function slant(dims: number, degrees: readonly number[]): Matrix {
  return identityBut(
    dims,
    pairsOf(dims).map(([row, column], k) => [row, column, Math.tan((degrees[k] ?? 0) * radians)]),
  );
}

/** The pairs of axes: x with y, and in three dimensions x and y with z. */
export function pairsOf(dims: number): [number, number][] {
  return dims === 2 ? [[0, 1]] : [[0, 1], [0, 2], [1, 2]]; // prettier-ignore
}
