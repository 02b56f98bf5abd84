/** Whether values can be Hounsfield units: air is -1000 HU by definition, water 0, and a scan of a person shows both. */
import type { VoxelArray } from "../volume.js";
import { UnusableVolumeError } from "./unusable.js";

/** Why the values of a volume can hardly be HU; the fact `value_flags` of a prepared volume. */
export const VALUE_FLAGS = {
  constant: "all voxels have one value, so that the scan shows nothing",
  "no-air": "no voxel is below -200, but a scan with air in view has values near -1000",
  "intercept-lost":
    "no voxel is near -1000 and soft tissue is near 1000: the rescale intercept (usually -1024) seems to be lost",
  "intercept-twice":
    "soft tissue is near -1000 and nothing is near 0: the rescale intercept seems to be applied twice",
  "beyond-ct": "more than 1 % of the voxels are above 4000, which no tissue reaches",
} as const;
export type ValueFlag = keyof typeof VALUE_FLAGS;

/** Values that span less than this lose their information when they are rounded to whole HU. */
const LEAST_SPREAD = 20;
/** The largest number of voxels that are examined; they are evenly spaced. */
const SAMPLE = 4_000_000;

/** Fractions of the voxels, except `least` and `most`, which are values. */
interface Shares {
  least: number;
  most: number;
  /** Lung and air, without the lower values that fill corners. */
  airy: number;
  /** The values of soft tissue. */
  nearZero: number;
  /** The values of soft tissue if the intercept is lost. */
  nearThousand: number;
  /** The values of soft tissue if the intercept is applied twice. */
  nearMinusThousand: number;
  belowAir: number;
  bright: number;
}

function sharesOf(data: VoxelArray): Shares {
  // An odd step does not sample the same columns of each row.
  const step = data.length <= SAMPLE ? 1 : Math.ceil(data.length / SAMPLE) | 1;
  const shares: Shares = {
    ...{ least: Infinity, most: -Infinity, airy: 0, nearZero: 0 },
    ...{ nearThousand: 0, nearMinusThousand: 0, belowAir: 0, bright: 0 },
  };
  const share = 1 / Math.ceil(data.length / step);
  for (let i = 0; i < data.length; i += step) {
    const value = Number(data[i]);
    if (value < shares.least) shares.least = value;
    if (value > shares.most) shares.most = value;
    if (value < -1500) shares.belowAir += share;
    else if (value < -200) shares.airy += share;
    else if (value <= 300) shares.nearZero += share;
    if (value >= 850 && value <= 1300) shares.nearThousand += share;
    if (value >= -1200 && value <= -950) shares.nearMinusThousand += share;
    if (value > 4000) shares.bright += share;
  }
  return shares;
}

/**
 * Reasons to doubt that values are HU. Regions cut out of a scan, and masked scans, may rightly contain no air, so these
 * reasons are reported and the volume is not refused.
 * @param data of the complete source, before any crop
 */
export function valueFlags(data: VoxelArray): ValueFlag[] {
  const { least, most, airy, nearZero, nearThousand, nearMinusThousand, belowAir, bright } = sharesOf(data);
  if (least === most) return ["constant"];
  const flags: ValueFlag[] = [];
  // A handful of voxels is noise.
  if (airy < 1e-4) flags.push(nearThousand > 0.02 ? "intercept-lost" : "no-air");
  if (belowAir > 0.05 && nearMinusThousand > 0.02 && nearZero < 0.02) flags.push("intercept-twice");
  if (bright > 0.01) flags.push("beyond-ct");
  return flags;
}

/** @throws UnusableVolumeError if rounding to whole HU would lose information, such as for values scaled to 0..1 */
export function refuseScaledFractions(data: VoxelArray): void {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return;
  const { least, most } = sharesOf(data);
  const isWhole = data.every((value) => Number.isInteger(value));
  if (isWhole || most - least >= LEAST_SPREAD) return;
  const plain = (value: number) => String(Number(value.toPrecision(4)));
  throw new UnusableVolumeError(
    `expected HU, which span hundreds; its values are between ${plain(least)} and ${plain(most)} and would be rounded to ` +
      "whole numbers. Export it in HU, or pass --unit arbitrary, which keeps the fractions",
  );
}
