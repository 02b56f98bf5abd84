/** How a volume becomes the array that a model reads: the same for training data and for a scan that is predicted. */
import type { StoreDtype } from "./store-dtype.js";

export type Crop = "none" | "lung" | "body";

export interface PrepareRecipe {
  /** H, W; null keeps the source's. */
  size: [number, number] | null;
  depth: number | "native";
  crop: Crop;
  /** mm around the region that is kept. */
  margin: number;
  /** Unit of the values; null takes that of the format: HU for scans, arbitrary for arrays. */
  unit: "HU" | "arbitrary" | null;
  /** Type in which values without HU are stored; absent: the type of the volumes, which must then be the same for all. */
  dtype?: "float32";
  /** Interpolate over missing slices of a DICOM series, or of a folder of slices, instead of refusing it. */
  allowGaps: boolean;
}

/** What a model says of the volumes that it was trained on: in model.json, and in the metadata of an ONNX graph. */
export interface PreparedInput {
  /** The recipe of `prepare`, as dataset.json holds it. */
  recipe: Readonly<Record<string, unknown>>;
  height: number;
  width: number;
  dtype: StoreDtype;
  unit: "HU" | "arbitrary";
}

/** The recipe that prepares a new scan like those volumes. The box of a mask is not part of it: pass the mask. */
export function recipeOf({
  recipe,
  unit,
  dtype,
}: Pick<PreparedInput, "recipe" | "unit" | "dtype">): PrepareRecipe {
  const { size, depth, crop, margin_mm: margin, gaps } = recipe;
  return {
    size: size === "native" ? null : (size as [number, number]),
    depth: depth as PrepareRecipe["depth"],
    crop: crop === "mask" ? "none" : (crop as Crop),
    margin: typeof margin === "number" ? margin : 10,
    unit,
    ...(unit === "arbitrary" && dtype === "float32" ? { dtype } : {}),
    allowGaps: gaps === "interpolated",
  };
}

/** @returns null, or why a scan is of another kind than the training data: scans have a place in space, arrays have none */
export function otherKindOf({ recipe }: Pick<PreparedInput, "recipe">, isScan: boolean): string | null {
  const isOfScans = recipe["orientation"] === "LPS";
  if (isScan === isOfScans) return null;
  return isOfScans
    ? "it is an array or a folder of pictures, which have no geometry; the model was trained on scans"
    : "it is a scan with a geometry; the model was trained on arrays or pictures";
}

/** @returns null, or why a prepared volume is not what the model was made for */
export function misfitOf(
  input: PreparedInput,
  { unit, dtype, shape }: { unit: "HU" | "arbitrary"; dtype: StoreDtype; shape: readonly number[] },
): string | null {
  const [, height, width] = shape;
  if (unit !== input.unit) return `its values are ${unit}, but the model was trained on ${input.unit}`;
  if (dtype !== input.dtype)
    return `its values are stored as ${dtype}, but those of the training data as ${input.dtype}`;
  if (height === input.height && width === input.width) return null;
  const remedy = "resample it to that size first, or train on data prepared with --size";
  return `its slices are ${height} x ${width}, but those of the training data ${input.height} x ${input.width}; ${remedy}`;
}
