/**
 * Fingerprints of volumes, to find near-duplicates: a difference hash in three dimensions, after the dHash of
 * Krawetz (Kind of Like That, hackerfactor.com, 2013), over the means of a coarse grid.
 */

/** Cells along x, y, z. */
const GRID = [16, 16, 8] as const;
const CELLS = GRID[0] * GRID[1] * GRID[2];

/** Means over the cells of a 16 x 16 x 8 grid, x fastest; if a volume has fewer voxels than cells, cells repeat. */
export function thumbnailOf(
  voxels: ArrayLike<number>,
  shape: readonly [number, number, number],
): Float32Array {
  const [nx, ny, nz] = shape;
  const cells = new Float32Array(CELLS);
  const cut = (n: number, size: number) =>
    Array.from({ length: size }, (_, k) => {
      const from = Math.min(Math.floor((k * n) / size), n - 1);
      return [from, Math.max(from + 1, Math.floor(((k + 1) * n) / size))] as const;
    });
  const [xs, ys, zs] = [cut(nx, GRID[0]), cut(ny, GRID[1]), cut(nz, GRID[2])];
  let cell = 0;
  for (const [z0, z1] of zs)
    for (const [y0, y1] of ys)
      for (const [x0, x1] of xs) {
        let sum = 0;
        for (let z = z0; z < z1; z++)
          for (let y = y0; y < y1; y++)
            for (let x = x0, at = nx * (y + ny * z); x < x1; x++) sum += voxels[at + x] ?? 0;
        cells[cell++] = sum / ((x1 - x0) * (y1 - y0) * (z1 - z0));
      }
  return cells;
}

/** One bit per pair of neighbouring cells, along x, then y, then z: 1 if the mean increases. */
export function fingerprintOf(thumbnail: Float32Array): Uint32Array {
  const [nx, ny, nz] = GRID;
  const steps = [1, nx, nx * ny] as const;
  const bits: boolean[] = [];
  for (let axis = 0; axis < 3; axis++)
    for (let z = 0; z < nz - Number(axis === 2); z++)
      for (let y = 0; y < ny - Number(axis === 1); y++)
        for (let x = 0; x < nx - Number(axis === 0); x++) {
          const at = x + nx * (y + ny * z);
          bits.push(thumbnail[at + steps[axis as 0]]! > thumbnail[at]!);
        }
  const words = new Uint32Array(Math.ceil(bits.length / 32));
  bits.forEach((bit, k) => {
    if (bit) words[k >> 5]! |= 1 << (k & 31);
  });
  return words;
}

/** Fewer set bits than this are not distinctive: a dot in the dark is like any other dot. */
const LEAST_BITS = 300;

/**
 * Jaccard distance: the fraction of differing bits among those that are set in either; 1 if too few are set.
 * Flat regions set no bits, so a common background does not make volumes similar.
 */
export function distance(a: Uint32Array, b: Uint32Array): number {
  let [differing, set] = [0, 0];
  for (let k = 0; k < a.length; k++) {
    differing += bitsOf(a[k]! ^ b[k]!);
    set += bitsOf(a[k]! | b[k]!);
  }
  return set < LEAST_BITS ? 1 : differing / set;
}

/** Warren, Hacker's Delight, section 5-1. */
function bitsOf(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return (((x + (x >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

/** Pearson's correlation of two thumbnails; 1 if both are constant and equal. */
export function correlation(a: Float32Array, b: Float32Array): number {
  const n = a.length;
  let [sa, sb] = [0, 0];
  for (let k = 0; k < n; k++) [sa, sb] = [sa + a[k]!, sb + b[k]!];
  const [ma, mb] = [sa / n, sb / n];
  let [aa, bb, ab] = [0, 0, 0];
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[k]! - ma, b[k]! - mb];
    [aa, bb, ab] = [aa + x * x, bb + y * y, ab + x * y];
  }
  if (aa === 0 || bb === 0) return aa === bb && ma === mb ? 1 : 0;
  return ab / Math.sqrt(aa * bb);
}
