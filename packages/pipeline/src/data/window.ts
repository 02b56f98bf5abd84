/** The window of values for configurations that do not set one. */
import { readStored, type Dataset } from "./store.js";
import type { VolumeRecord } from "./volume-record.js";

/** Values outside these percentiles are clipped, as nnU-Net does for CT. */
const PERCENTS = [0.5, 99.5] as const;
/** The largest number of values that are sampled, and of slices per volume; evenly spaced. */
const SAMPLE = 4_000_000;
const SLICES = 16;

export interface DefaultWindow {
  window: [low: number, high: number];
  /** How it was determined, in words. */
  origin: string;
}

/**
 * HU have a fixed window, and so have bytes, and fractions within 0..1, which fill the range of their type. The type of
 * other values does not tell their range: 16-bit scans use a few per cent of it, and float scans exceed 0..1. Their window
 * extends from percentile 0.5 to 99.5 of the given volumes.
 * @param volumes those of the training set, so that nothing is learned from the others   @throws DatasetError
 */
export function defaultWindow(
  dataset: Pick<Dataset, "info" | "slicesPath" | "slicesOffset">,
  volumes: readonly Pick<VolumeRecord, "first" | "count">[],
): DefaultWindow {
  const { unit, dtype, range } = dataset.info;
  const given: DefaultWindow = {
    window: range,
    origin: unit === "HU" ? "lung and soft tissue in HU" : `the range of ${dtype}`,
  };
  if (unit === "HU" || dtype === "uint8" || volumes.length === 0) return given;
  const values = sampleOf(dataset, volumes).sort();
  const at = (percent: number) => plain(values[Math.round((percent / 100) * (values.length - 1))]!);
  const [least, most] = [at(0), at(100)];
  if (dtype === "float32" && least >= 0 && most <= 1) return given;
  const [low, high] = [at(PERCENTS[0]), at(PERCENTS[1])];
  const origin = `percentiles ${PERCENTS.join(" and ")} of the training values`;
  if (low < high) return { window: [low, high], origin };
  return {
    window: [least, most > least ? most : least + 1],
    origin: "the smallest and the largest training value",
  };
}

/** Evenly spaced slices of each volume, and of them evenly spaced values. */
function sampleOf(
  dataset: Pick<Dataset, "info" | "slicesPath" | "slicesOffset">,
  volumes: readonly Pick<VolumeRecord, "first" | "count">[],
): Float32Array {
  const plane = dataset.info.height * dataset.info.width;
  const each = Math.max(1, Math.floor(SAMPLE / volumes.length));
  const pieces = volumes.map(({ first, count }) => {
    const slices = Math.min(SLICES, count);
    // An odd step does not sample the same columns of each row.
    const step = slices * plane <= each ? 1 : Math.ceil((slices * plane) / each) | 1;
    const kept: number[] = [];
    for (let k = 0; k < slices; k++) {
      const slice = readStored(dataset, first + Math.floor(((k + 0.5) * count) / slices), 1);
      for (let i = k % step; i < slice.length; i += step) kept.push(slice[i]!);
    }
    return kept;
  });
  return Float32Array.from(pieces.flat());
}

/** The value rounded to six significant digits. */
const plain = (value: number): number => Number(value.toPrecision(6));
