import type { Triple } from "../volume.js";

/** HU per step of the flooding; finer steps take longer and follow noise. */
const STEP = 16;

/**
 * Grows labels through a mask in the order of the values, lowest first, through faces: two labels meet at the ridge
 * between them. Meyer, Un algorithme optimal pour la ligne de partage des eaux, 1991.
 * @param labels 0 where unknown; written in place wherever a path within the mask leads
 * @param mask 1 where labels may grow
 */
export function flood(labels: Uint8Array, mask: Uint8Array, values: Int16Array, [nx, ny, nz]: Triple): void {
  const queue = new BucketQueue(values.length);
  const plane = nx * ny;
  const visit = (label: number, level: number, i: number) => {
    if (mask[i] !== 1 || labels[i] !== 0) return;
    labels[i] = label;
    // A voxel below the current level is flooded at once.
    queue.push(i, Math.max(level, levelOf(values[i] as number)));
  };
  const spread = (i: number, level: number) => {
    const label = labels[i] as number;
    const x = i % nx;
    const y = Math.floor(i / nx) % ny;
    const z = Math.floor(i / plane);
    if (x > 0) visit(label, level, i - 1);
    if (x < nx - 1) visit(label, level, i + 1);
    if (y > 0) visit(label, level, i - nx);
    if (y < ny - 1) visit(label, level, i + nx);
    if (z > 0) visit(label, level, i - plane);
    if (z < nz - 1) visit(label, level, i + plane);
  };
  const seeds = labels.slice();
  for (let i = 0; i < seeds.length; i++) if (seeds[i] !== 0) spread(i, 0);
  for (let next = queue.pop(); next >= 0; next = queue.pop()) spread(next, queue.level);
}

const levelOf = (value: number) => Math.max(0, Math.floor((value + 1024) / STEP));

/** First in, first out within a level; levels never go down. 4 bytes per voxel. */
class BucketQueue {
  level = 0;
  readonly #next: Int32Array;
  readonly #head: Int32Array;
  readonly #tail: Int32Array;

  constructor(capacity: number) {
    const levels = levelOf(32767) + 1;
    this.#next = new Int32Array(capacity);
    this.#head = new Int32Array(levels).fill(-1);
    this.#tail = new Int32Array(levels).fill(-1);
  }

  push(item: number, level: number): void {
    const tail = this.#tail[level] as number;
    if (tail < 0) this.#head[level] = item;
    else this.#next[tail] = item;
    this.#tail[level] = item;
    this.#next[item] = -1;
  }

  /** -1 where the queue is empty. */
  pop(): number {
    while (this.level < this.#head.length && (this.#head[this.level] as number) < 0) this.level++;
    if (this.level === this.#head.length) return -1;
    const item = this.#head[this.level] as number;
    const next = this.#next[item] as number;
    this.#head[this.level] = next;
    if (next < 0) this.#tail[this.level] = -1;
    return item;
  }
}
