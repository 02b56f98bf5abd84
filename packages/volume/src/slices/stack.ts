import type { VolumeFormat } from "../errors.js";
import { refuser } from "../refuse.js";
import type { Volume } from "../volume.js";

/** One grey slice, row by row from the top. */
export interface GreySlice {
  file: string;
  format: VolumeFormat;
  width: number;
  height: number;
  values_HW: Uint8Array | Uint16Array;
}

/**
 * Stacks slices, in the given order, to one volume: columns become x, rows y, slices z. Pictures give neither spacing
 * nor orientation: spacing is 1, and directions are nominal.
 * @throws VolumeFormatError sizes or bits that differ, or no slices
 */
export function stackSlices(slices: readonly GreySlice[], folder = "slices"): Volume {
  const [first] = slices;
  if (first === undefined) return refuser(folder, "PNG")("expected slices, found none", "Give at least one.");
  const plane = first.width * first.height;
  const like = first.values_HW;
  const data =
    like instanceof Uint8Array
      ? new Uint8Array(plane * slices.length)
      : new Uint16Array(plane * slices.length);
  slices.forEach(({ file, format, width, height, values_HW }, k) => {
    const refuse = refuser(file, format);
    if (width !== first.width || height !== first.height) {
      const problem = `expected ${first.width} x ${first.height} pixels as in ${first.file}, it has ${width} x ${height}`;
      refuse(problem, "Make all slices of a subject the same size.");
    }
    if (values_HW.constructor !== like.constructor) {
      const [expected, found] = [like, values_HW].map((values) => 8 * values.BYTES_PER_ELEMENT);
      refuse(
        `expected ${expected} bits as in ${first.file}, it has ${found}`,
        "Save all slices with the same bits.",
      );
    }
    data.set(values_HW, k * plane);
  });
  return {
    data,
    shape: [first.width, first.height, slices.length],
    spacing: [1, 1, 1],
    origin: [0, 0, 0],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    unit: "arbitrary",
  };
}

/**
 * The single grey channel of a picture.
 * @param values height x width x channels, channels fastest; 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha
 * @returns null where the colours differ or a pixel is not opaque
 */
export function greyOf(values: Uint8Array | Uint16Array, channels: number): Uint8Array | Uint16Array | null {
  if (channels === 1) return values;
  const opaque = values instanceof Uint8Array ? 255 : 65535;
  const colours = channels > 2 ? 3 : 1;
  const count = values.length / channels;
  const grey = values instanceof Uint8Array ? new Uint8Array(count) : new Uint16Array(count);
  for (let i = 0, at = 0; i < count; i++, at += channels) {
    const value = values[at] as number;
    for (let c = 1; c < colours; c++) if (values[at + c] !== value) return null;
    if (channels > colours && values[at + colours] !== opaque) return null;
    grey[i] = value;
  }
  return grey;
}
