/** A volume as the NIfTI file that the picture is drawn from. */
import { encodeNiftiHeader, type Volume } from "@slicestack/volume";
import type { DrawnScan } from "./messages.js";

export function drawnScan(volume: Volume, isScan: boolean): DrawnScan {
  const header = encodeNiftiHeader(volume);
  const { data, shape, spacing, unit } = volume;
  const nifti = new Uint8Array(header.length + data.byteLength);
  nifti.set(header);
  nifti.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), header.length);
  return {
    nifti: nifti.buffer,
    shape: [...shape],
    spacing: [...spacing],
    unit,
    range: rangeOf(data),
    isScan,
  };
}

/** Of the finite values; 0 to 1 if there are none. */
function rangeOf(values: ArrayLike<number>): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (let k = 0; k < values.length; k++) {
    const value = values[k]!;
    if (value < low && value !== -Infinity) low = value;
    if (value > high && value !== Infinity) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}
