/** Whether values can be Hounsfield units: air is -1000 HU by definition, water 0, and a scan of a person shows both. */
import type { VoxelArray } from "@slicestack/volume";
import { UnusableVolumeError } from "./reason.js";

/** Why the values of a volume can hardly be HU; what subjects.csv holds under `value_flags`. */
export const VALUE_FLAGS = {
  "no-air": "no voxel below -200, where a scan with air in view has values near -1000",
  "intercept-lost":
    "no voxel near -1000, and soft tissue near 1000: the rescale intercept (usually -1024) seems to be lost",
  "intercept-twice": "soft tissue near -1000 and nothing near 0: the rescale intercept seems to be applied twice",
  "beyond-ct": "more than 1 % of the voxels above 4000, which no tissue reaches",
} as const;
export type ValueFlag = keyof typeof VALUE_FLAGS;

/** The column of subjects.csv. */
export const FLAGS_COLUMN = "value_flags";

/** Values whose whole spread is narrower than this lose what they say when they are rounded to whole HU. */
const LEAST_SPREAD = 20;
/** Voxels that are looked at, at most; evenly spaced. */
const SAMPLE = 4_000_000;

/** Shares of the voxels, but for `least` and `most`. */
interface Shares {
  least: number;
  most: number;
  /** Lung and air, without what lies below them to fill corners. */
  airy: number;
  /** Where soft tissue belongs. */
  nearZero: number;
  /** Where soft tissue lies without its intercept. */
  nearThousand: number;
  /** Where soft tissue lies with its intercept twice. */
  nearMinusThousand: number;
  belowAir: number;
  bright: number;
}

function sharesOf(data: VoxelArray): Shares {
  // An odd step does not fall on the same columns of each row.
  const step = data.length <= SAMPLE ? 1 : Math.ceil(data.length / SAMPLE) | 1;
  const shares: Shares = {
    ...{ least: Infinity, most: -Infinity, airy: 0, nearZero: 0 },
    ...{ nearThousand: 0, nearMinusThousand: 0, belowAir: 0, bright: 0 },
  };
  const one = 1 / Math.ceil(data.length / step);
  for (let i = 0; i < data.length; i += step) {
    const value = Number(data[i]);
    if (value < shares.least) shares.least = value;
    if (value > shares.most) shares.most = value;
    if (value < -1500) shares.belowAir += one;
    else if (value < -200) shares.airy += one;
    else if (value <= 300) shares.nearZero += one;
    if (value >= 850 && value <= 1300) shares.nearThousand += one;
    if (value >= -1200 && value <= -950) shares.nearMinusThousand += one;
    if (value > 4000) shares.bright += one;
  }
  return shares;
}

/**
 * Reasons to doubt that values are HU. Regions cut out of a scan, and masked ones, may rightly hold no air, so that these
 * are reported and not refused.
 * @param data of the whole source, before any crop
 */
export function valueFlags(data: VoxelArray): ValueFlag[] {
  const { airy, nearZero, nearThousand, nearMinusThousand, belowAir, bright } = sharesOf(data);
  const flags: ValueFlag[] = [];
  // A handful of voxels is noise.
  if (airy < 1e-4) flags.push(nearThousand > 0.02 ? "intercept-lost" : "no-air");
  if (belowAir > 0.05 && nearMinusThousand > 0.02 && nearZero < 0.02) flags.push("intercept-twice");
  if (bright > 0.01) flags.push("beyond-ct");
  return flags;
}

/**
 * Of all volumes of a set, one sentence a flag: how many volumes have it, of which classes, and what it means.
 * @param classes names, by label
 */
export function flagWarnings(
  volumes: readonly { id: string; label: number; extra: Readonly<Record<string, string>> }[],
  classes: readonly string[],
): string[] {
  const flagsOf = ({ extra }: (typeof volumes)[number]) => (extra[FLAGS_COLUMN] ?? "").split(" ");
  return (Object.keys(VALUE_FLAGS) as ValueFlag[]).flatMap((flag) => {
    const flagged = volumes.filter((volume) => flagsOf(volume).includes(flag));
    const [first] = flagged;
    if (first === undefined) return [];
    const counts = classes.flatMap((name, label) => {
      const own = volumes.filter((volume) => volume.label === label).length;
      const hit = flagged.filter((volume) => volume.label === label).length;
      return hit === 0 ? [] : [`${hit} of ${own} of class ${name}`];
    });
    const which = flagged.length === 1 ? `volume (${first.id})` : `volumes (such as ${first.id})`;
    return [
      `${flagged.length} ${which} ${flagged.length === 1 ? "does" : "do"} not look like HU: ${VALUE_FLAGS[flag]}; ${counts.join(", ")}`,
    ];
  });
}

/** What helps against all of them. */
export const FLAGS_REMEDY =
  "If a scan really holds no air, this is right; otherwise export it again in HU, or prepare it with --unit arbitrary.";

/** @throws UnusableVolumeError where rounding to whole HU would lose what fractions say: values scaled to 0..1, and the like */
export function refuseScaledFractions(data: VoxelArray): void {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return;
  const { least, most } = sharesOf(data);
  const isWhole = data.every((value) => Number.isInteger(value));
  if (isWhole || most - least >= LEAST_SPREAD) return;
  const plain = (value: number) => String(Number(value.toPrecision(4)));
  throw new UnusableVolumeError(
    `expected HU, which spread over hundreds; its values lie between ${plain(least)} and ${plain(most)} and would become ` +
      "whole numbers. Export it in HU, or pass --unit arbitrary, which keeps the fractions",
  );
}
