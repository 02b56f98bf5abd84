import type { NpyArray } from "./array.js";
import { refuser } from "../refuse.js";
import { emptyLike, type Triple, type Volume, type VoxelArray } from "../volume.js";

/** An array without geometry: spacing 1, nominal directions, values of unknown unit. */
function bareVolume(data: VoxelArray, shape: Triple): Volume {
  return {
    data,
    shape,
    spacing: [1, 1, 1],
    origin: [0, 0, 0],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    unit: "arbitrary",
  };
}

/**
 * An array (S, H, W) in its order in memory: S becomes z, H y, W x. @throws VolumeFormatError not three axes, or empty
 */
export function volumeOfSlices(array: NpyArray, file = "array"): Volume {
  const [slices, height, width] = checkedShape(array, "(slices, H, W)", file);
  return bareVolume(array.data, [width, height, slices]);
}

/** The published layout (H, W, S), slices along the last axis: S becomes z, H y, W x. @throws VolumeFormatError */
export function volumeOfColumns(array: NpyArray, file = "array"): Volume {
  const [height, width, slices] = checkedShape(array, "(H, W, slices)", file);
  const source = array.data;
  const data = emptyLike(source, source.length);
  const plane = height * width;
  for (let s = 0; s < slices; s++)
    for (let i = 0; i < plane; i++) data[s * plane + i] = source[i * slices + s] as number;
  return bareVolume(data, [width, height, slices]);
}

function checkedShape({ shape }: NpyArray, axes: string, file: string): Triple {
  if (shape.length === 3 && shape.every((n) => n > 0)) return shape as Triple;
  const text = `(${shape.join(", ")})`;
  return refuser(file, "npy")(
    `expected one volume ${axes}, its shape is ${text}`,
    shape.length === 4
      ? "It is a stack of volumes: read them one by one with openNpy."
      : "Save it with three axes.",
  );
}
