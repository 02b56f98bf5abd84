/** What a stage minimises, and how its model's outputs are read. */
import type { Tensor } from "@slicestack/torch";
import type { ClassOutputs } from "../outputs.js";

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
