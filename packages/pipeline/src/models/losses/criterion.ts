/** What a stage minimises, and how its model's outputs are read: by the names of the config. */
import type { Tensor } from "@slicestack/torch";
import { ConfigError } from "../../config/errors.js";
import type { LossConfig } from "../../config/types.js";
import type { ClassOutputs } from "../outputs.js";
import type { StageName } from "../../run/folder.js";
import { CrossEntropy } from "./cross-entropy.js";
import { Focal } from "./focal.js";
import { Ordinal } from "./ordinal.js";

/** B samples, O outputs (`outputs(K)`), K classes. */
export interface Criterion extends Pick<ClassOutputs, "outputs" | "probabilities"> {
  /**
   * One value, the mean over the batch.
   * @param target int64 classes B, or mass B x K (targets.ts)   @param weight_K weight of each class, or null
   */
  loss(logits_BO: Tensor, target: Tensor, weight_K: Tensor | null): Tensor;
  /** What the mean of `loss` divides by: how much such a batch counts beside another one. Waits for the device. */
  mass(target: Tensor, weight_K: Tensor | null, classes: number): number;
}

/** @throws ConfigError where focal_alpha has not one value a class */
export function createCriterion(
  stage: StageName,
  {
    loss,
    labelSmoothing: smoothing,
    focalGamma: gamma,
    focalAlpha: alpha,
  }: Omit<LossConfig, "weightedLoss" | "classWeights" | "effectiveBeta">,
  classes: number,
): Criterion {
  if (alpha !== null && alpha.length !== classes) {
    const key = `${stage}.focal_alpha`;
    const message = `${key}: expected ${classes} values, one for each class of the task, received ${alpha.length}`;
    throw new ConfigError([{ key, message }]);
  }
  if (loss === "focal") return new Focal({ gamma, alpha, smoothing });
  return loss === "ordinal" ? new Ordinal({ smoothing }) : new CrossEntropy({ smoothing });
}
