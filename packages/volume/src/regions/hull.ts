/** Rows of a slice's convex hull: pixels first..last of row y; first > last where the hull does not reach. */
export interface RowSpans {
  first: Int32Array;
  last: Int32Array;
}

/**
 * Convex hull of the nonzero pixels, by Andrew's monotone chain over the outermost pixels of each row
 * (Information Processing Letters 9, 1979).
 * @param slice nx * ny values, x fastest
 */
export function hullSpans(slice: Uint8Array, nx: number, ny: number): RowSpans {
  const spans: RowSpans = { first: new Int32Array(ny).fill(1), last: new Int32Array(ny) };
  const rows: number[] = [];
  const left: number[] = [];
  const right: number[] = [];
  for (let y = 0; y < ny; y++) {
    const row = slice.subarray(y * nx, (y + 1) * nx);
    let low = 0;
    while (low < nx && row[low] === 0) low++;
    if (low === nx) continue;
    let high = nx - 1;
    while (row[high] === 0) high--;
    rows.push(y);
    left.push(low);
    right.push(high);
  }
  if (rows.length === 0) return spans;
  fillSpan(rows, left, (y, x) => (spans.first[y] = Math.ceil(x - 1e-9)));
  fillSpan(
    rows,
    right.map((x) => -x),
    (y, x) => (spans.last[y] = Math.floor(1e-9 - x)),
  );
  return spans;
}

/** Walks the lower convex envelope of x over the rows. */
function fillSpan(rows: number[], x: number[], put: (y: number, x: number) => void): void {
  const chain: number[] = [];
  for (let i = 0; i < rows.length; i++) {
    while (chain.length >= 2 && !turnsUp(rows, x, chain.at(-2) as number, chain.at(-1) as number, i))
      chain.pop();
    chain.push(i);
  }
  const firstRow = rows[0] as number;
  put(firstRow, x[0] as number);
  for (let c = 1; c < chain.length; c++) {
    const [a, b] = [chain[c - 1] as number, chain[c] as number];
    const [ya, yb] = [rows[a] as number, rows[b] as number];
    const slope = ((x[b] as number) - (x[a] as number)) / (yb - ya);
    for (let y = ya + 1; y <= yb; y++) put(y, (x[a] as number) + slope * (y - ya));
  }
}

function turnsUp(rows: number[], x: number[], a: number, b: number, c: number): boolean {
  const [ya, yb, yc] = [rows[a] as number, rows[b] as number, rows[c] as number];
  const [xa, xb, xc] = [x[a] as number, x[b] as number, x[c] as number];
  return (xb - xa) * (yc - yb) < (xc - xb) * (yb - ya);
}
