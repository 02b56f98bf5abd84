/** Derives the recipe for a new scan from the preparation of a model's training data. */
import { recipeOf } from "@slicestack/volume";
import type { Recipe } from "../data/prepare/recipe.js";
import type { ModelSpec } from "../models/spec.js";
import { PredictError } from "./errors.js";

/**
 * @param mask folder of masks; required if training volumes were cropped to masks
 * @throws PredictError if a mask is required and missing, or given and not required
 */
export function recipeOfModel({ prepared }: Pick<ModelSpec, "prepared">, mask: string | null): Recipe {
  const { crop } = prepared.recipe;
  if (crop === "mask" && mask === null)
    throw new PredictError(
      "The model was trained on volumes that were cropped to a mask",
      "Pass --mask FOLDER with a mask for each scan, named like the scan.",
    );
  if (crop !== "mask" && mask !== null)
    throw new PredictError("The model was not trained on volumes cropped to a mask", "Omit --mask.");
  return { ...recipeOf(prepared), mask };
}
