import type { Random } from "@slicestack/stats";
import type { Acquisition } from "./acquisition.js";
import type { Anatomy, Level } from "./anatomy.js";
import { diaphragm, insideEllipse, insideLung, levelAt, outsideHeart, smoothstep } from "./anatomy.js";
import type { Grid } from "./grid.js";
import { rasterise, voxelCount } from "./grid.js";
import type { Disease } from "./lesions.js";
import { growLesions, sampleField } from "./lesions.js";
import { noiseBank, Texture } from "./noise.js";
import { growTrees } from "./tree.js";

export interface Rendering {
  grid: Grid;
  /** HU, x to the left fastest, then y to the back, then z to the head. */
  hu: Int16Array;
  /** Measured share of lung voxels inside a lesion. */
  affected: number;
}

/** The grid that fits one person: `size` voxels across, 6 to 10 mm between slices, 28 to 48 slices. */
export function fitGrid(anatomy: Anatomy, scan: Acquisition, size: number): Grid {
  const across = 2 * anatomy.bodyHalfWidth * 1.06 * (1 + scan.room);
  const pixel = Math.min(3.4, Math.max(2.4, across / 128)) * (128 / size);
  const extent = anatomy.lungHeight + scan.margin[0] + scan.margin[1];
  const nz = Math.min(48, Math.max(28, Math.round(extent / scan.sliceSpacing)));
  const slice = Math.min(10, Math.max(6, scan.sliceSpacing));
  return {
    nx: size,
    ny: size,
    nz,
    spacing: [round2(pixel), round2(pixel), round2(slice)],
    origin: [
      -((size - 1) / 2) * round2(pixel) + scan.shift[0],
      -((size - 1) / 2) * round2(pixel) + 8 + scan.shift[1],
      -scan.margin[0],
    ],
  };
}

const round2 = (value: number) => Math.round(value * 100) / 100;

/** Draws one scan. `anatomy` is already at the scan's breath; `lesionRandom` is the subject's, so that scans share lesions. */
export function renderScan(
  anatomy: Anatomy,
  scan: Acquisition,
  disease: Disease,
  streams: { tree: Random; lesion: Random; scan: Random },
  size: number,
): Rendering {
  const grid = fitGrid(anatomy, scan, size);
  const depth = new Float32Array(voxelCount(grid)).fill(-10);
  const trees = growTrees(anatomy, streams.tree);
  const vessel = new Float32Array(depth.length);
  const lumen = new Float32Array(depth.length);
  const airwayWall = new Float32Array(depth.length);
  rasterise(trees.vessels, grid, vessel);
  rasterise(trees.airways, grid, lumen);
  rasterise(trees.airways, grid, airwayWall, 1.4);
  const texture = new Texture(streams.scan.fork("texture"));
  const hu = new Float32Array(depth.length);
  for (let k = 0; k < grid.nz; k++) drawTissue(anatomy, scan, grid, k, texture, hu, depth);
  const affected = drawLung(anatomy, scan, disease, grid, { depth, vessel, texture, hu }, streams.lesion);
  for (let i = 0; i < hu.length; i++) {
    const wall = airwayWall[i] ?? 0;
    if (wall === 0) continue;
    const tissue = mix(hu[i] ?? 0, Math.max(hu[i] ?? 0, -20), wall * 0.8);
    hu[i] = mix(tissue, -985, lumen[i] ?? 0);
  }
  return { grid, hu: acquire(hu, grid, scan, anatomy, streams.scan), affected };
}

const mix = (a: number, b: number, share: number) => a + (b - a) * share;

/** One slice without the lungs' content: air, table, skin, fat, muscle, ribs, spine, heart, liver; also the lung depth map. */
function drawTissue(
  anatomy: Anatomy,
  scan: Acquisition,
  grid: Grid,
  k: number,
  texture: Texture,
  hu: Float32Array,
  depth: Float32Array,
): void {
  const z = grid.origin[2] + k * grid.spacing[2];
  const level = levelAt(anatomy, z);
  const pixel = grid.spacing[0];
  const tableY = anatomy.bodyHalfDepth * 0.97 + scan.table;
  for (let j = 0; j < grid.ny; j++) {
    const y = grid.origin[1] + j * grid.spacing[1];
    for (let i = 0; i < grid.nx; i++) {
      const x = grid.origin[0] + i * grid.spacing[0];
      const index = i + grid.nx * (j + grid.ny * k);
      const under = insideBody(anatomy, level, x, y);
      const cover = Math.min(1, Math.max(0, under / pixel + 0.5));
      let value = cover < 1 ? tableHu(x, y, tableY) : 0;
      if (cover > 0) {
        const lung = insideLung(anatomy, level, x, y);
        depth[index] = lung;
        value = mix(value, lung > pixel ? 0 : tissueHu(anatomy, level, x, y, under, texture), cover);
      }
      hu[index] = value;
    }
  }
}

/** Depth in mm under the skin; the outline wobbles a little, and breasts are added in front. */
function insideBody(anatomy: Anatomy, level: Level, x: number, y: number): number {
  const u = x / level.bodyA;
  const v = y / level.bodyB;
  const rough = u * u + v * v;
  // The outline itself is only computed near the skin; this saves a third of the drawing time.
  if (rough > 2.6) return -99;
  if (rough < 0.5 && y < anatomy.bodyHalfDepth * 0.6) return 45;
  const wobble = 1 + harmonics(anatomy, x, y);
  // The back is flat where it rests on the table.
  const body = Math.min(
    insideEllipse(x, y, level.bodyA * wobble, level.bodyB * wobble),
    anatomy.bodyHalfDepth * 0.95 - y,
  );
  if (y > 0 || anatomy.breast < 3) return body;
  const height = 1 - ((level.t - 0.42) / 0.24) ** 2;
  if (height <= 0.05) return body;
  const round = Math.sqrt(height);
  const side = Math.abs(x) - anatomy.bodyHalfWidth * 0.46;
  return Math.max(
    body,
    insideEllipse(side, y + level.bodyB * 0.74, 54 * round, (14 + anatomy.breast) * round),
  );
}

/** Fourier series over the angle, by the multiple-angle formulas: no trigonometry per voxel. */
function harmonics({ outline: o }: Anatomy, x: number, y: number): number {
  const r = Math.sqrt(x * x + y * y);
  const c = x / r;
  const s = y / r;
  const c2 = c * c - s * s;
  const s2 = 2 * c * s;
  const c3 = c2 * c - s2 * s;
  const s3 = s2 * c + c2 * s;
  return o[0] * c2 + o[1] * s2 + o[2] * c3 + o[3] * s3 + o[4] * (c2 * c2 - s2 * s2) + o[5] * (2 * c2 * s2);
}

/** A curved table top: thin shell, foam within. */
function tableHu(x: number, y: number, top: number): number {
  const curve = top - (x * x) / 2600;
  const below = y - curve;
  if (Math.abs(x) > 215 || below < 0) return -1000;
  if (below < 4) return -260;
  if (below < 24) return -930;
  return below < 28 ? -300 : -1000;
}

function tissueHu(
  anatomy: Anatomy,
  level: Level,
  x: number,
  y: number,
  under: number,
  texture: Texture,
): number {
  const grain = texture.at(x / 14, y / 14, level.z / 20);
  const spine = spineHu(anatomy, level, x, y);
  if (spine !== null) return spine;
  if (under < 2.2) return 5;
  const cavity = insideEllipse(x, y - level.cavityY, level.cavityA, level.cavityB);
  if (cavity > 0) return innerHu(anatomy, level, x, y, grain);
  const fatLimit =
    anatomy.fat * (1 + 0.25 * grain) + (y < -0.6 * anatomy.bodyHalfDepth ? anatomy.breast * 0.6 : 0);
  if (under < fatLimit) return -102 + 8 * grain;
  const bone = ribHu(anatomy, level, x, y, -cavity);
  if (bone !== null) return bone;
  // Planes of fat run between the muscles.
  return Math.abs(texture.at(x / 30 + 3, y / 12, level.z / 40)) < 0.07 ? -40 : 52 + 9 * grain;
}

/** Heart, great vessels and fat between the lungs; liver, spleen and stomach under the diaphragm. */
function innerHu(anatomy: Anatomy, level: Level, x: number, y: number, grain: number): number {
  const heart = level.t < 0.62 ? outsideHeart(anatomy, x, y, level.z) : 99;
  if (heart < -1) return 40 + 4 * grain;
  const ax = x - 22;
  const ay = y - anatomy.spineY + 22;
  if (level.t < 0.68 && ax * ax + ay * ay < anatomy.aortaRadius ** 2) return 42;
  if (level.z < diaphragm(anatomy, level, x, y) + 2 && heart > 3) {
    if (x < 15) return anatomy.liverHu + 4 * grain;
    const gas = insideEllipse(x - 62, y + 28, 30, 17);
    if (gas > 0 && level.t > -0.05) return -930;
    return (y > 10 ? 48 : 30) + 6 * grain;
  }
  if (level.t > 0.5) {
    const great = [
      [-18, -14, 9],
      [6, -28, 15],
      [20, -12, 9],
      [-4, 16, 7],
    ] as const;
    for (const [vx, vy, r] of great) if ((x - vx) ** 2 + (y - vy) ** 2 < r * r) return 44;
  }
  return heart < 3 ? -70 : -35 + 60 * Math.tanh(grain);
}

/** Vertebral body with cortex, discs between, canal, arch and spinous process; null elsewhere. */
function spineHu(anatomy: Anatomy, level: Level, x: number, y: number): number | null {
  const sy = y - anatomy.spineY;
  if (Math.abs(x) > 40 || sy < -16 || sy > 48) return null;
  const body = insideEllipse(x, sy, 18, 14);
  const phase = level.z / 25 - Math.floor(level.z / 25);
  if (body > 0) return phase < 0.2 ? 85 : body < 3 ? anatomy.boneHu * 0.85 : anatomy.boneHu * 0.42;
  const canal = insideEllipse(x, sy - 21, 9.5, 8);
  if (canal > 0) return 22;
  if (canal > -4.5) return anatomy.boneHu * 0.8;
  if (Math.abs(x) < 4 && sy > 28 && sy < 46) return anatomy.boneHu * 0.7;
  const transverse = Math.abs(sy - 22 - Math.abs(x) * 0.12) < 5 && phase > 0.35 && phase < 0.75;
  return transverse && Math.abs(x) < 36 ? anatomy.boneHu * 0.7 : null;
}

/** Ribs fall from the spine to the front; near the breast bone they are cartilage. Shoulder blades lie outside them. */
function ribHu(anatomy: Anatomy, level: Level, x: number, y: number, out: number): number | null {
  if (out > 30) return null;
  const angle = Math.atan2(Math.abs(x), y - level.cavityY);
  if (out > 15) {
    const blade = level.t > 0.5 && level.t < 0.97 && angle > 0.55 && angle < 1.35;
    return blade && out > 17 && out < 23 + 3 * level.shoulder ? anatomy.boneHu * 0.7 : null;
  }
  if (Math.abs(x) < 17 && y < 0) return out > 1 && out < 13 && level.t > 0.3 ? anatomy.boneHu * 0.45 : null;
  if (out < 1 || out > 10) return null;
  const height =
    (level.z + anatomy.ribPhase + (anatomy.ribDrop * (1 - Math.cos(angle))) / 2) / anatomy.ribPitch;
  const offset = Math.abs(height - Math.floor(height) - 0.5) * anatomy.ribPitch;
  if (offset > 7) return null;
  if (angle > 2.55) return 110;
  const core = offset < 4 && out > 3 && out < 8;
  return core ? anatomy.boneHu * 0.45 : anatomy.boneHu;
}

interface Layers {
  depth: Float32Array;
  vessel: Float32Array;
  texture: Texture;
  hu: Float32Array;
}

/** Aired lung, emphysema, collapse, lesions and vessels, in that order. Returns the share of lung inside lesions. */
function drawLung(
  anatomy: Anatomy,
  scan: Acquisition,
  disease: Disease,
  grid: Grid,
  { depth, vessel, texture, hu }: Layers,
  lesionRandom: Random,
): number {
  const lesions = growLesions(grid, depth, disease, lesionRandom);
  const pixel = grid.spacing[0];
  let lungVoxels = 0;
  let affectedVoxels = 0;
  for (let k = 0; k < grid.nz; k++) {
    const z = grid.origin[2] + k * grid.spacing[2];
    const level = levelAt(anatomy, z);
    for (let j = 0; j < grid.ny; j++) {
      const y = grid.origin[1] + j * grid.spacing[1];
      for (let i = 0; i < grid.nx; i++) {
        const index = i + grid.nx * (j + grid.ny * k);
        const inside = depth[index] ?? -10;
        if (inside < -0.5 * pixel) continue;
        const x = grid.origin[0] + i * grid.spacing[0];
        const grain = texture.at(x / 9, y / 9, z / 12);
        const coarse = texture.at(x / 24, y / 24, z / 30 + 5);
        let value = airedLung(scan, y, level, grain, coarse);
        value = collapse(scan, level, x, y, z, value, grain);
        const score = lesions === null ? -3 : sampleField(lesions.score, lesions, i, j, k);
        if (inside > 0) {
          lungVoxels++;
          if (score > 0) affectedVoxels++;
        }
        if (lesions !== null && score > -0.3) {
          value = diseased(disease, value, score, sampleField(lesions.core, lesions, i, j, k), grain, coarse);
        }
        value = mix(value, Math.max(value, 35), (vessel[index] ?? 0) * 0.92);
        hu[index] = mix(hu[index] ?? 0, value, Math.min(1, inside / pixel + 0.5));
      }
    }
  }
  return lungVoxels === 0 ? 0 : affectedVoxels / lungVoxels;
}

function airedLung(scan: Acquisition, y: number, level: Level, grain: number, coarse: number): number {
  const back = (y - level.cavityY) / level.cavityB;
  const aired = scan.lungHu + scan.gravity * back + 9 * grain;
  return scan.emphysema > 0 ? Math.max(-985, aired - scan.emphysema * Math.max(0, coarse)) : aired;
}

/** Collapse by weight: an even band along the back wall with a straight, smooth front; and thin plates over the diaphragm. */
function collapse(
  scan: Acquisition,
  level: Level,
  x: number,
  y: number,
  z: number,
  value: number,
  grain: number,
): number {
  const thick = scan.atelectasis[x < 0 ? 0 : 1];
  let out = value;
  if (thick > 0) {
    const wall = level.cavityY + level.cavityB * Math.sqrt(Math.max(0, 1 - (x / level.cavityA) ** 2));
    const band = thick * (1.15 - 0.7 * smoothstep(0.15, 0.75, level.t));
    out = mix(
      out,
      Math.max(out, scan.atelectasisHu + 12 * grain),
      0.9 * smoothstep(band + 5, band - 5, wall - y),
    );
  }
  for (const plate of scan.plates) {
    if (plate.side * x < 0) continue;
    const off = Math.abs(z - plate.z - plate.tilt * (y - 30) - 0.4 * (Math.abs(x) - 60)) - 2;
    const reach = Math.abs(y - 30) + Math.abs(Math.abs(x) - 60);
    if (off < 4 && reach < 60) out = mix(out, Math.max(out, -150), 0.8 * smoothstep(4, 0, off));
  }
  return out;
}

/** Ground glass with a soft edge and fine texture; vessels stay visible in it. Consolidation hides them. */
function diseased(
  disease: Disease,
  lung: number,
  score: number,
  core: number,
  grain: number,
  coarse: number,
): number {
  const density = disease.groundGlass * (1 + 0.22 * coarse);
  const glass = Math.max(lung, Math.min(-400, Math.max(-760, lung + density)));
  const veiled = mix(lung, glass + 100 * grain, smoothstep(-0.25, 0.25, score));
  const solid = Math.max(veiled, disease.consolidation + 10 * grain);
  return mix(veiled, solid, smoothstep(-0.12, 0.16, core) * smoothstep(-0.05, 0.15, score));
}

/** What the scanner does to the image: motion, streaks, noise, offset, rounding to whole HU. */
function acquire(
  hu: Float32Array,
  grid: Grid,
  scan: Acquisition,
  anatomy: Anatomy,
  random: Random,
): Int16Array {
  const out = new Int16Array(hu.length);
  const { values, size } = noiseBank();
  const plane = grid.nx * grid.ny;
  const row = new Float32Array(grid.nx);
  for (let k = 0; k < grid.nz; k++) {
    const level = levelAt(anatomy, grid.origin[2] + k * grid.spacing[2]);
    const ox = random.integer(0, size - 1);
    const oy = random.integer(0, size - 1);
    const shake = scan.motion * smoothstep(0.65, 0.2, level.t) * Math.abs(random.normal(0, 0.7));
    const streak = scan.streaks * (0.15 + 0.85 * level.shoulder);
    for (let j = 0; j < grid.ny; j++) {
      const at = k * plane + j * grid.nx;
      const move = Math.round(shake / grid.spacing[1]);
      const ghost = k * plane + Math.max(0, j - move) * grid.nx;
      const streakRow = random.normal(0, streak);
      // The table does not breathe.
      const blur = move > 0 && grid.origin[1] + j * grid.spacing[1] < anatomy.bodyHalfDepth * 0.9 ? 0.4 : 0;
      for (let i = 0; i < grid.nx; i++) row[i] = mix(hu[at + i] ?? 0, hu[ghost + i] ?? 0, blur);
      for (let i = 0; i < grid.nx; i++) {
        const value = row[i] ?? 0;
        const noise = values[((ox + i) & (size - 1)) + size * ((oy + j) & (size - 1))] ?? 0;
        // Less noise and no streaks in air outside the body.
        const body = value > -960 ? 1 : 0.45;
        const total = value + body * (scan.noise * noise + streakRow * (body === 1 ? 1 : 0)) + scan.offset;
        out[at + i] = Math.round(Math.min(3071, Math.max(-1024, total)));
      }
    }
  }
  return out;
}
