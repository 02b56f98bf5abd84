/** The validated settings that prepare applies to every volume. */
import type { Crop, PrepareRecipe } from "@slicestack/volume";
import { PrepareError } from "../errors.js";

export interface Recipe extends PrepareRecipe {
  /** Folder of masks, named by the volumes' paths or ids; each volume is cropped to the box of its mask. */
  mask: string | null;
}

export interface RecipeOptions {
  /** H, W; default 128, 128 for CT; ready-made arrays keep their own. */
  size?: [number, number];
  /** Slices per volume; default 64 for CT, "native" for ready-made arrays. */
  depth?: number | "native";
  /** Default none. */
  crop?: Crop;
  /** Default 10 mm. */
  margin?: number;
  /** Unit of the values. Default: arbitrary for ready-made arrays, HU for scans; arbitrary for MR and the like. */
  unit?: "HU" | "arbitrary";
  /** Store values without HU as float32, which holds every other type: for volumes of several types. */
  dtype?: "float32";
  allowGaps?: boolean;
  mask?: string;
}

/** @throws PrepareError for invalid sizes, or a crop that the source does not allow */
export function checkedRecipe(options: RecipeOptions, ct: boolean): Recipe {
  const { crop = "none", margin = 10, allowGaps = false, mask = null, unit = null } = options;
  const whole = (value: number) => Number.isSafeInteger(value) && value >= 1 && value <= 4096;
  if (options.size !== undefined && !options.size.every(whole)) {
    const received = options.size.join(" x ");
    throw new PrepareError(
      `size: expected two whole numbers 1..4096, received ${received}`,
      "128,128 is usual.",
    );
  }
  if (options.depth !== undefined && options.depth !== "native" && !whole(options.depth))
    throw new PrepareError(
      `depth: expected a whole number 1..4096 or native, received ${options.depth}`,
      "64 is usual.",
    );
  if (!(margin >= 0 && margin <= 500))
    throw new PrepareError(`margin: expected 0 to 500 mm, received ${margin}`, "10 is usual.");
  if (crop !== "none" && !ct)
    throw new PrepareError(`crop: ${crop} needs HU, but these are ready-made arrays`, "Leave --crop out.");
  if (crop !== "none" && mask !== null)
    throw new PrepareError(
      `crop: expected one region, received both ${crop} and a mask`,
      "Give one of --crop and --mask.",
    );
  const isHu = unit === "HU" || (ct && unit === null);
  if (options.dtype !== undefined && isHu)
    throw new PrepareError(
      `dtype: HU are stored as int16, received ${options.dtype}`,
      "Leave --dtype out, or pass --unit arbitrary.",
    );
  return {
    size: options.size ?? (ct ? [128, 128] : null),
    depth: options.depth ?? (ct ? 64 : "native"),
    crop,
    margin,
    unit,
    ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
    allowGaps,
    mask,
  };
}
