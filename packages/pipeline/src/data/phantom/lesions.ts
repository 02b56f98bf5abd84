import type { Random } from "@slicestack/stats";
import type { Grid } from "./grid.js";
import { Texture } from "./noise.js";

/** Share of the lung that is affected, by class CT-0..CT-4: drawn inside the class's band, clear of its edges. */
export const affectedTargets: readonly (readonly [low: number, high: number])[] = [
  [0, 0],
  [0.06, 0.21],
  [0.28, 0.46],
  [0.54, 0.71],
  [0.79, 0.9],
];

/** The bands themselves: CT-1 to CT-4 mean that <25, 25-50, 50-75 and >75 % of the lung is affected. */
export const affectedBands: readonly (readonly [low: number, high: number])[] = [
  [0, 0],
  [0, 0.25],
  [0.25, 0.5],
  [0.5, 0.75],
  [0.75, 1],
];

/** How a subject's lungs are diseased; kept over all scans of the subject. */
export interface Disease {
  /** Target fraction of the lung. */
  target: number;
  /** HU that ground glass adds to healthy lung. */
  groundGlass: number;
  /** HU of consolidated lung, -100..40. */
  consolidation: number;
  /** Chance that a lesion has a consolidated core. */
  coreChance: number;
}

export function drawDisease(label: number, random: Random): Disease {
  const [low, high] = affectedTargets[label] ?? [0, 0];
  const target = random.uniform(low, high);
  return {
    target,
    groundGlass: random.uniform(130, 230),
    consolidation: random.uniform(-100, 40),
    coreChance: random.uniform(0.1, 0.22) + 0.12 * target,
  };
}

/** Lesions on a coarser grid (about 5.5 mm in plane, every slice). `score` > 0 is affected lung; 0 is the soft edge's middle. */
export interface LesionField {
  step: number;
  nx: number;
  ny: number;
  score: Float32Array;
  /** Consolidated where > 0. */
  core: Float32Array;
}

interface Blob {
  x: number;
  y: number;
  z: number;
  radius: number;
  stretch: [number, number, number];
  core: boolean;
}

/**
 * Grows lesions until they fill the target fraction of the lung.
 * Centres are mostly at the back and along the pleura, as ground glass of viral pneumonia does; edges are rough and soft.
 * @param depth mm inside the lung of every voxel of the full grid (negative outside)
 */
export function growLesions(
  grid: Grid,
  depth: Float32Array,
  disease: Disease,
  random: Random,
): LesionField | null {
  if (disease.target <= 0) return null;
  const step = Math.max(1, Math.round(5.5 / grid.spacing[0]));
  const nx = Math.ceil(grid.nx / step);
  const ny = Math.ceil(grid.ny / step);
  const field: LesionField = {
    step,
    nx,
    ny,
    score: new Float32Array(nx * ny * grid.nz).fill(-3),
    core: new Float32Array(nx * ny * grid.nz).fill(-3),
  };
  const lung = lungVoxels(grid, depth, field);
  const rough = new Texture(random);
  for (let blobs = 0; blobs < 200 && share(lung, field.score, 0) < disease.target; blobs++) {
    paint(seedBlob(grid, field, lung, depth, disease, random), grid, field, rough);
  }
  const shift = matchShare(lung, field.score, disease.target);
  for (const i of lung) field.score[i] = (field.score[i] ?? 0) - shift;
  return field;
}

function lungVoxels(grid: Grid, depth: Float32Array, field: LesionField): Int32Array {
  const indices: number[] = [];
  for (let k = 0; k < grid.nz; k++) {
    for (let j = 0; j < field.ny; j++) {
      for (let i = 0; i < field.nx; i++) {
        const full = i * field.step + grid.nx * (j * field.step + grid.ny * k);
        if ((depth[full] ?? -1) > 0) indices.push(i + field.nx * (j + field.ny * k));
      }
    }
  }
  return Int32Array.from(indices);
}

function share(lung: Int32Array, score: Float32Array, threshold: number): number {
  let n = 0;
  for (const i of lung) if ((score[i] ?? 0) > threshold) n++;
  return n / lung.length;
}

/** The threshold that exactly the target fraction of the lung exceeds, by bisection. */
function matchShare(lung: Int32Array, score: Float32Array, target: number): number {
  let low = -2;
  let high = 1;
  for (let i = 0; i < 24; i++) {
    const middle = (low + high) / 2;
    if (share(lung, score, middle) > target) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function seedBlob(
  grid: Grid,
  field: LesionField,
  lung: Int32Array,
  depth: Float32Array,
  disease: Disease,
  random: Random,
): Blob {
  const index = lung[random.integer(0, lung.length - 1)] ?? 0;
  const i = index % field.nx;
  const j = Math.floor(index / field.nx) % field.ny;
  const k = Math.floor(index / (field.nx * field.ny));
  const inside = depth[i * field.step + grid.nx * (j * field.step + grid.ny * k)] ?? 0;
  const y = grid.origin[1] + j * field.step * grid.spacing[1];
  const peripheral = Math.exp(-inside / 16);
  const posterior = 1 / (1 + Math.exp(-(y - 5) / 18));
  const accepted = random.chance(0.06 + 0.3 * peripheral + 0.64 * peripheral * posterior);
  if (!accepted) return seedBlob(grid, field, lung, depth, disease, random);
  const radius = random.uniform(10, 19 + 26 * disease.target);
  return {
    x: grid.origin[0] + i * field.step * grid.spacing[0],
    y,
    z: grid.origin[2] + k * grid.spacing[2],
    radius,
    stretch: [random.uniform(0.6, 1.5), random.uniform(0.6, 1.5), random.uniform(0.7, 1.3)],
    core: random.chance(disease.coreChance),
  };
}

function paint(blob: Blob, grid: Grid, field: LesionField, rough: Texture): void {
  const reach = blob.radius * 1.9;
  const [sx, sy, sz] = [grid.spacing[0] * field.step, grid.spacing[1] * field.step, grid.spacing[2]];
  const range = (centre: number, origin: number, spacing: number, count: number, stretch: number) =>
    [
      Math.max(0, Math.ceil((centre - reach * stretch - origin) / spacing)),
      Math.min(count - 1, Math.floor((centre + reach * stretch - origin) / spacing)),
    ] as const;
  const [i0, i1] = range(blob.x, grid.origin[0], sx, field.nx, blob.stretch[0]);
  const [j0, j1] = range(blob.y, grid.origin[1], sy, field.ny, blob.stretch[1]);
  const [k0, k1] = range(blob.z, grid.origin[2], sz, grid.nz, blob.stretch[2]);
  for (let k = k0; k <= k1; k++) {
    const z = grid.origin[2] + k * sz;
    const w = (z - blob.z) / (blob.radius * blob.stretch[2]);
    for (let j = j0; j <= j1; j++) {
      const y = grid.origin[1] + j * sy;
      const v = (y - blob.y) / (blob.radius * blob.stretch[1]);
      for (let i = i0; i <= i1; i++) {
        const x = grid.origin[0] + i * sx;
        const u = (x - blob.x) / (blob.radius * blob.stretch[0]);
        const index = i + field.nx * (j + field.ny * k);
        const edge = 0.36 * rough.at(x / 11, y / 11, z / 13) + 0.2 * rough.at(x / 5 + 7, y / 5, z / 7);
        const r = Math.sqrt(u * u + v * v + w * w);
        const score = 1 - r + edge;
        if (score > (field.score[index] ?? 0)) field.score[index] = score;
        if (!blob.core) continue;
        const core = 1 - r / 0.62 + 1.3 * edge;
        if (core > (field.core[index] ?? 0)) field.core[index] = core;
      }
    }
  }
}

/** Bilinear read of a coarse slice at full-grid column i of row j. */
export function sampleField(
  values: Float32Array,
  field: LesionField,
  i: number,
  j: number,
  k: number,
): number {
  const x = Math.min(field.nx - 1.001, i / field.step);
  const y = Math.min(field.ny - 1.001, j / field.step);
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const fx = x - x0;
  const fy = y - y0;
  const at = x0 + field.nx * (y0 + field.ny * k);
  const top = (values[at] ?? 0) * (1 - fx) + (values[at + 1] ?? 0) * fx;
  const bottom = (values[at + field.nx] ?? 0) * (1 - fx) + (values[at + field.nx + 1] ?? 0) * fx;
  return top * (1 - fy) + bottom * fy;
}
