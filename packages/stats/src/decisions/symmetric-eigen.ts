/** Eigenvalues and eigenvectors of a symmetric matrix by Jacobi rotations; for matrices of a few hundred rows. */

const MOST_SWEEPS = 60;

/**
 * @param matrix_NN symmetric
 * @returns values from the largest down, and for each its unit vector. Golub & Van Loan, Matrix Computations, 8.5
 */
export function symmetricEigen(matrix_NN: readonly ArrayLike<number>[]): {
  values: number[];
  vectors: number[][];
} {
  const size = matrix_NN.length;
  const a = matrix_NN.map((row) => Float64Array.from(row));
  // Row n is the n-th eigenvector in the end: rows of one array are faster to rotate than columns.
  const v = Array.from({ length: size }, (_, n) =>
    Float64Array.from({ length: size }, (_, m) => (n === m ? 1 : 0)),
  );
  const scale = a.reduce((sum, row) => sum + row.reduce((part, value) => part + value * value, 0), 0);
  for (let sweep = 0; sweep < MOST_SWEEPS && offDiagonal(a) > 1e-22 * scale; sweep++)
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(a, v, p, q);
  const order = [...a.keys()].sort((i, j) => a[j]![j]! - a[i]![i]!);
  return { values: order.map((n) => a[n]![n]!), vectors: order.map((n) => Array.from(v[n]!)) };
}

function offDiagonal(a: readonly Float64Array[]): number {
  let sum = 0;
  for (let p = 0; p < a.length; p++) for (let q = p + 1; q < a.length; q++) sum += 2 * a[p]![q]! ** 2;
  return sum;
}

/** Makes a[p][q] zero. */
function rotate(a: Float64Array[], v: Float64Array[], p: number, q: number): void {
  const [rowP, rowQ] = [a[p]!, a[q]!];
  const apq = rowP[q]!;
  if (apq === 0) return;
  const theta = (rowQ[q]! - rowP[p]!) / (2 * apq);
  const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let k = 0; k < a.length; k++) {
    if (k === p || k === q) continue;
    const [akp, akq] = [rowP[k]!, rowQ[k]!];
    rowP[k] = a[k]![p] = c * akp - s * akq;
    rowQ[k] = a[k]![q] = s * akp + c * akq;
  }
  rowP[p]! -= t * apq;
  rowQ[q]! += t * apq;
  rowP[q] = rowQ[p] = 0;
  const [vp, vq] = [v[p]!, v[q]!];
  for (let k = 0; k < a.length; k++) {
    const [x, y] = [vp[k]!, vq[k]!];
    vp[k] = c * x - s * y;
    vq[k] = s * x + c * y;
  }
}
