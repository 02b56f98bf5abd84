/** Missing slices of folders with numbered slices: a missing number is a missing slice, which would shift all later ones. */
import { basename } from "node:path";
import { message, named, UnusableVolumeError, type Volume, type VoxelArray } from "@slicestack/volume";
import type { VolumeInput } from "../ingest/source.js";
import { reasonOf } from "../reason.js";

/** @throws UnusableVolumeError if slices are missing and gaps are not allowed, or if more are missing than exist */
export function refuseGaps(paths: readonly string[], numbers: readonly number[], allowGaps: boolean): void {
  const count = missingIn(numbers);
  if (count === 0) return;
  const ends = named(` between "${basename(paths[0]!)}" and "${basename(paths.at(-1)!)}"`, "");
  const list = message`${count === 1 ? "a slice is" : `${count} slices are`} missing${ends}: ${firstOf(numbers)}`;
  if (!allowGaps)
    throw new UnusableVolumeError(
      message`${list}. Export them again, or pass --allow-gaps to interpolate them from their neighbours`,
    );
  if (count > numbers.length)
    throw new UnusableVolumeError(
      message`${list}; that is more than the ${numbers.length} that exist. Export them again`,
    );
}

/** Why a volume of numbered slices is refused before any is read; null if it is not. */
export function gapRefusalOf(input: VolumeInput, allowGaps: boolean): string | null {
  if (input.kind !== "images" && input.kind !== "npy-slices") return null;
  try {
    refuseGaps(input.paths, input.numbers, allowGaps);
    return null;
  } catch (error) {
    return reasonOf(error).whole;
  }
}

/** The number of missing slices between the first and the last. */
export const missingIn = (numbers: readonly number[]): number =>
  Math.max(0, (numbers.at(-1) ?? 0) - (numbers[0] ?? 0) + 1 - numbers.length);

function firstOf(numbers: readonly number[]): string {
  const shown: string[] = [];
  for (let k = 1; k < numbers.length && shown.length < 10; k++)
    for (let number = numbers[k - 1]! + 1; number < numbers[k]! && shown.length < 10; number++)
      shown.push(String(number));
  return shown.length < 10 ? shown.join(", ") : `${shown.slice(0, 9).join(", ")} …`;
}

/** The volume with each missing slice interpolated linearly from its two neighbours; integers are rounded. */
export function withGapsFilled(volume: Volume, numbers: readonly number[]): Volume {
  if (missingIn(numbers) === 0) return volume;
  const [nx, ny] = volume.shape;
  const plane = nx * ny;
  const count = numbers.at(-1)! - numbers[0]! + 1;
  const Voxels = volume.data.constructor as new (length: number) => VoxelArray;
  const data = new Voxels(plane * count);
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  for (let slice = 0, before = 0; slice < count; slice++) {
    const number = numbers[0]! + slice;
    while (numbers[before + 1] !== undefined && numbers[before + 1]! <= number) before++;
    const [low, high] = [numbers[before]!, numbers[before + 1] ?? numbers[before]!];
    const weight = high === low ? 0 : (number - low) / (high - low);
    for (let i = 0; i < plane; i++) {
      const below = volume.data[before * plane + i]!;
      const above = weight === 0 ? below : volume.data[(before + 1) * plane + i]!;
      const value = below + weight * (above - below);
      data[slice * plane + i] = isFloat ? value : Math.round(value);
    }
  }
  return { ...volume, data, shape: [nx, ny, count] };
}
