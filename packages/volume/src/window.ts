import { VolumeArgumentError } from "./errors.js";
import type { VoxelArray } from "./volume.js";

/**
 * Scales a window of values (HU) to 0..1: low and below become 0, high and above become 1. NaN stays NaN.
 * @throws VolumeArgumentError where low is not below high
 */
export function windowToUnit(data: VoxelArray, low: number, high: number): Float32Array {
  if (!(Number.isFinite(low) && Number.isFinite(high) && low < high)) {
    throw new VolumeArgumentError("window", "low < high", `${low}, ${high}`);
  }
  const scale = 1 / (high - low);
  const unit = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    unit[i] = value <= low ? 0 : value >= high ? 1 : (value - low) * scale;
  }
  return unit;
}
