/** The recipe by which a model's training data was prepared, for a scan that it has not seen. */
import type { Recipe } from "../data/prepare/recipe.js";
import type { ModelSpec } from "../models/spec.js";
import { PredictError } from "./errors.js";

/**
 * @param mask folder of masks; needed where training volumes were cropped to masks
 * @throws PredictError where a mask is needed and missing, or given and not needed
 */
export function recipeOfModel({ prepared }: Pick<ModelSpec, "prepared">, mask: string | null): Recipe {
  const { recipe, unit, dtype } = prepared;
  const { size, depth, crop, margin_mm: margin, gaps } = recipe;
  if (crop === "mask" && mask === null)
    throw new PredictError(
      "The model was trained on volumes that were cropped to a mask",
      "Pass --mask FOLDER with a mask for each scan, named like the scan.",
    );
  if (crop !== "mask" && mask !== null)
    throw new PredictError("The model was not trained on volumes cropped to a mask", "Leave --mask out.");
  return {
    size: size === "native" ? null : (size as [number, number]),
    depth: depth as Recipe["depth"],
    crop: crop === "mask" ? "none" : (crop as Recipe["crop"]),
    margin: typeof margin === "number" ? margin : 10,
    unit,
    ...(unit === "arbitrary" && dtype === "float32" ? { dtype } : {}),
    allowGaps: gaps === "interpolated",
    mask,
  };
}
