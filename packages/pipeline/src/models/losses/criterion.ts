/** Criteria: what a stage minimises, and how the outputs of its model are interpreted. */
import type { Tensor } from "@slicestack/torch";
import type { ClassOutputs } from "../outputs.js";

/** B samples, O outputs (`outputs(K)`), K classes. */
export interface Criterion extends Pick<ClassOutputs, "outputs" | "probabilities"> {
  /**
   * One value, the mean over the batch.
   * @param target int64 classes B, or mass B x K (targets.ts)   @param weight_K weight of each class, or null
   */
  loss(logits_BO: Tensor, target: Tensor, weight_K: Tensor | null): Tensor;
  /** The divisor of the mean in `loss`: the weight of this batch among others. Waits for the device. */
  mass(target: Tensor, weight_K: Tensor | null, classes: number): number;
}
