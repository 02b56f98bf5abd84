/**
 * manifest.json of a bundle: its contents, with the hash of every other member. A bundle is a zip with a trained model
 * and nothing from its training data: no path, and no id of a volume or subject.
 */
import { z } from "zod";
import { STAGES } from "../config/stages.js";

export const BUNDLE_FORMAT = "slicestack bundle";
export const MANIFEST = "manifest.json";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** Members may only have paths of this form. */
export const MEMBER =
  /^(model-card\.md|metrics\.json|(\d{1,4}\/)(model\.json|decision\.json|(slice|volume|fine_tune)\.safetensors)|plugins\/[0-9a-f]{64}\.(m?js))$/;

export const manifestSchema = z.strictObject({
  format: z.literal(BUNDLE_FORMAT),
  version: z.literal(1),
  /** Name of the run or group. */
  name: z.string(),
  /** Licence of the weights, as stated by whoever exported them. */
  licence: z.string(),
  use: z.literal("research only; not a medical device"),
  /** One for each model whose probabilities are averaged; its files are in the folder of its number. */
  members: z
    .array(
      z.strictObject({
        /** The modelHash of its contract and weights. */
        model: sha256,
        stages: z.array(z.enum(STAGES)).min(1),
        precision: z.enum(["auto", "float32", "bfloat16"]),
      }),
    )
    .min(1)
    .max(1000),
  /** Modules that the models need; they run only if the user allows it. */
  plugins: z.array(z.strictObject({ name: z.string(), sha256 })),
  files: z.record(z.string().regex(MEMBER), z.strictObject({ bytes: z.int().min(0), sha256 })),
});

export type Manifest = z.output<typeof manifestSchema>;
