import { RegionError } from "../errors.js";
import { orientationCode, reorient, voxelToWorld, worldToVoxel } from "../geometry.js";
import { assertVolume, type Triple, type Volume, type VoxelArray } from "../volume.js";
import type { Box } from "./box.js";

/** HU where nothing was measured: padding around the reconstruction circle, and NaN. Air has a higher mean. */
export const NO_SIGNAL = -1024;
const DENSEST = 3071;
/** An axis with a smaller spacing is averaged over whole blocks, to come as close to this as possible. */
const COARSE_MM = 2.2;

/** A scan on the coarser grid on which regions are searched. */
export interface Reduced {
  /** Mean HU of blocks of voxels, reoriented to LPS; values are clipped to -1024..3071. */
  scan: Volume & { data: Int16Array };
  /** Size of a block in voxels of the source, along the source's axes. */
  factors: Triple;
}

/**
 * Averages blocks of voxels to a spacing of about 2 mm; coarser axes are unchanged.
 * @throws VolumeArgumentError an invalid volume   @throws RegionError its values are not HU
 */
export function reduceScan(volume: Volume): Reduced {
  assertVolume(volume);
  if (volume.unit !== "HU") {
    throw new RegionError(
      "lungs and body are found by Hounsfield units, and the values of this volume have no unit",
      "Crop it by your own mask, or not at all.",
    );
  }
  const factors = volume.spacing.map((size, axis) =>
    Math.max(1, Math.min(volume.shape[axis] as number, Math.floor(COARSE_MM / size + 1e-4))),
  ) as Triple;
  const coarse: Volume = {
    data: blockMeans(volume.data, volume.shape, factors),
    shape: volume.shape.map((n, axis) => Math.ceil(n / (factors[axis] as number))) as Triple,
    spacing: volume.spacing.map((size, axis) => size * (factors[axis] as number)) as Triple,
    origin: voxelToWorld(volume, (factors[0] - 1) / 2, (factors[1] - 1) / 2, (factors[2] - 1) / 2),
    direction: volume.direction,
    unit: volume.unit,
  };
  const turned = reorient(coarse, "LPS");
  return { scan: { ...turned, data: turned.data as Int16Array }, factors };
}

/** The last block of an axis may be incomplete: its mean is taken over the existing voxels. */
function blockMeans(data: VoxelArray, [nx, ny, nz]: Triple, [fx, fy, fz]: Triple): Int16Array {
  const [mx, my, mz] = [Math.ceil(nx / fx), Math.ceil(ny / fy), Math.ceil(nz / fz)];
  const means = new Int16Array(mx * my * mz);
  const sums = new Float64Array(mx);
  for (let k = 0, at = 0; k < mz; k++) {
    const zEnd = Math.min(nz, (k + 1) * fz);
    for (let j = 0; j < my; j++, at += mx) {
      const yEnd = Math.min(ny, (j + 1) * fy);
      sums.fill(0);
      for (let z = k * fz; z < zEnd; z++) {
        for (let y = j * fy; y < yEnd; y++) addBlocks(sums, data, nx * (y + ny * z), nx, fx);
      }
      const rows = (zEnd - k * fz) * (yEnd - j * fy);
      for (let i = 0; i < mx; i++) {
        means[at + i] = Math.round((sums[i] as number) / (rows * Math.min(fx, nx - i * fx)));
      }
    }
  }
  return means;
}

function addBlocks(sums: Float64Array, data: VoxelArray, first: number, nx: number, fx: number): void {
  for (let i = 0, x = 0; x < nx; i++) {
    let sum = 0;
    for (const behind = Math.min(nx, x + fx); x < behind; x++) {
      const value = data[first + x] as number;
      // NaN fails the comparison and counts as no signal.
      sum += value > NO_SIGNAL ? (value < DENSEST ? value : DENSEST) : NO_SIGNAL;
    }
    sums[i] = (sums[i] as number) + sum;
  }
}

/**
 * Transfers a label mask from the coarse grid to the grid and axes of the source: the edge of each label is where the
 * linear interpolation of its 0/1 field crosses 1/2, which smooths the blocks.
 * @param labels 0 outside, else 1..`count`; on the grid of `reduced`
 */
export function expandLabels(labels: Uint8Array, count: number, reduced: Reduced, source: Volume): Volume {
  const { scan, factors } = reduced;
  const turned = reorient({ ...scan, data: labels }, orientationCode(source));
  const data = new Uint8Array(source.data.length);
  for (let label = 1; label <= count; label++) {
    expandOne(turned.data as Uint8Array, turned.shape, label, factors, data, source.shape);
  }
  const { shape, spacing, origin, direction } = source;
  return {
    data,
    shape: [...shape],
    spacing: [...spacing],
    origin: [...origin],
    direction: [...direction],
    unit: "arbitrary",
  };
}

/** A box of the coarse grid in voxels of the source: the smallest that covers it. */
export function expandBox(box: Box, { scan }: Reduced, source: Volume): Box {
  const edge = (n: Triple) => voxelToWorld(scan, n[0] - 0.5, n[1] - 0.5, n[2] - 0.5);
  const [a, b] = [box.start, box.end].map((corner) => worldToVoxel(source, ...edge(corner))) as [
    Triple,
    Triple,
  ];
  const pick = (axis: number, take: typeof Math.min) =>
    Math.round(take(a[axis] as number, b[axis] as number) + 0.5);
  return {
    start: [0, 1, 2].map((axis) => Math.max(0, pick(axis, Math.min))) as Triple,
    end: [0, 1, 2].map((axis) => Math.min(source.shape[axis] as number, pick(axis, Math.max))) as Triple,
  };
}

/** For each fine index, the two neighbouring coarse indices and the weight of the second. */
interface Beside {
  low: Int32Array;
  high: Int32Array;
  share: Float32Array;
}

function beside(fine: number, coarse: number, factor: number): Beside {
  const table = { low: new Int32Array(fine), high: new Int32Array(fine), share: new Float32Array(fine) };
  for (let i = 0; i < fine; i++) {
    const at = Math.min(coarse - 1, Math.max(0, (i - (factor - 1) / 2) / factor));
    table.low[i] = Math.floor(at);
    table.high[i] = Math.min(coarse - 1, Math.floor(at) + 1);
    table.share[i] = at - Math.floor(at);
  }
  return table;
}

function expandOne(
  labels: Uint8Array,
  [mx, my, mz]: Triple,
  label: number,
  factors: Triple,
  out: Uint8Array,
  [nx, ny, nz]: Triple,
): void {
  const [ax, ay, az] = [beside(nx, mx, factors[0]), beside(ny, my, factors[1]), beside(nz, mz, factors[2])];
  const held = new Uint8Array(my * mz);
  for (let row = 0; row < held.length; row++) {
    held[row] = labels.subarray(row * mx, (row + 1) * mx).includes(label) ? 1 : 0;
  }
  const blend = new Float32Array(mx);
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      const [ty, tz] = [ay.share[y] as number, az.share[z] as number];
      let any = false;
      for (const [k, wz] of [
        [az.low[z] as number, 1 - tz],
        [az.high[z] as number, tz],
      ] as const) {
        for (const [j, wy] of [
          [ay.low[y] as number, 1 - ty],
          [ay.high[y] as number, ty],
        ] as const) {
          const row = j + my * k;
          if (held[row] === 0 || wy * wz === 0) continue;
          if (!any) blend.fill(0);
          any = true;
          addRow(blend, labels, row * mx, label, wy * wz);
        }
      }
      if (any) paintRow(out, nx * (y + ny * z), nx, blend, ax, label);
    }
  }
}

function addRow(blend: Float32Array, labels: Uint8Array, first: number, label: number, weight: number): void {
  for (let i = 0; i < blend.length; i++) {
    if (labels[first + i] === label) blend[i] = (blend[i] as number) + weight;
  }
}

function paintRow(
  out: Uint8Array,
  first: number,
  nx: number,
  blend: Float32Array,
  ax: Beside,
  label: number,
): void {
  for (let x = 0; x < nx; x++) {
    const low = blend[ax.low[x] as number] as number;
    const high = blend[ax.high[x] as number] as number;
    // A tie between two labels goes to the first.
    if (low + (high - low) * (ax.share[x] as number) >= 0.5 && out[first + x] === 0) out[first + x] = label;
  }
}
