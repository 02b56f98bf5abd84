import { Random } from "@slicestack/stats";

/** A lattice of normal deviates, read with trilinear interpolation and wrapped at its borders: smooth texture. */
export class Texture {
  private readonly lattice: Float32Array;
  constructor(
    random: Random,
    private readonly size = 16,
  ) {
    this.lattice = new Float32Array(size ** 3);
    for (let i = 0; i < this.lattice.length; i++) this.lattice[i] = random.normal();
  }

  /** About -2..2 at a point given in lattice cells. */
  at(x: number, y: number, z: number): number {
    const n = this.size;
    const x0 = Math.floor(x);
    const y0 = Math.floor(y);
    const z0 = Math.floor(z);
    const fx = x - x0;
    const fy = y - y0;
    const fz = z - z0;
    const mask = n - 1;
    const xa = x0 & mask;
    const xb = (x0 + 1) & mask;
    const ya = (y0 & mask) * n;
    const yb = ((y0 + 1) & mask) * n;
    const za = (z0 & mask) * n * n;
    const zb = ((z0 + 1) & mask) * n * n;
    const l = this.lattice;
    const read = (i: number) => l[i] ?? 0;
    const a = read(xa + ya + za) * (1 - fx) + read(xb + ya + za) * fx;
    const b = read(xa + yb + za) * (1 - fx) + read(xb + yb + za) * fx;
    const c = read(xa + ya + zb) * (1 - fx) + read(xb + ya + zb) * fx;
    const d = read(xa + yb + zb) * (1 - fx) + read(xb + yb + zb) * fx;
    return (a * (1 - fy) + b * fy) * (1 - fz) + (c * (1 - fy) + d * fy) * fz;
  }
}

const BANK_SIZE = 256;
let bank: Float32Array | null = null;

/**
 * 256 x 256 quantum noise of unit variance, slightly correlated between neighbours as after a reconstruction kernel.
 * Drawn once per thread from a fixed seed; a scan reads it from a random position in each slice.
 */
export function noiseBank(): { values: Float32Array; size: number } {
  bank ??= drawBank();
  return { values: bank, size: BANK_SIZE };
}

function drawBank(): Float32Array {
  const random = new Random(20250714);
  const n = BANK_SIZE;
  const white = Float32Array.from({ length: n * n }, () => random.normal());
  const out = new Float32Array(n * n);
  let sum2 = 0;
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < n; x++) {
      const at = (dx: number, dy: number) => white[((x + dx) & (n - 1)) + n * ((y + dy) & (n - 1))] ?? 0;
      const v =
        at(0, 0) + 0.45 * (at(1, 0) + at(-1, 0) + at(0, 1) + at(0, -1)) + 0.15 * (at(1, 1) + at(-1, -1));
      out[x + n * y] = v;
      sum2 += v * v;
    }
  }
  const scale = 1 / Math.sqrt(sum2 / (n * n));
  return out.map((v) => v * scale);
}
