/** The loss of a stage with its class weights: what its pieces lose, and what they count for. */
import type { Tensor } from "@slicestack/torch";
import type { LossConfig } from "../../config/types.js";
import type { StageName } from "../../run/folder.js";
import { configuredWeights, weightTensor } from "./class-weights.js";
import { createCriterion } from "../../models/create-by-name.js";
import type { Criterion } from "../../models/losses/criterion.js";

export class Objective {
  readonly #criterion: Criterion;
  readonly #weights: number[] | null;
  readonly #classes: number;

  /** @param labels of the training items, whose frequencies weigh the classes @throws ConfigError */
  constructor(stage: StageName, config: LossConfig, labels: readonly number[], classes: number) {
    this.#criterion = createCriterion(stage, config, classes);
    this.#weights = configuredWeights(config, labels, classes);
    this.#classes = classes;
  }

  /** Mean loss of logits_BO, float32; of no items 0, through the model, so that every process takes part. */
  loss(logits_BO: Tensor, target: Tensor): Tensor {
    const exact_BO = logits_BO.to({ dtype: "float32" });
    if (exact_BO.size(0) === 0) return exact_BO.sum();
    return this.#criterion.loss(exact_BO, target, weightTensor(this.#weights, exact_BO));
  }

  /** What such items count for in the mean of their batch. */
  mass(target: Tensor): number {
    return target.size(0) === 0 ? 0 : this.#criterion.mass(target, weightTensor(this.#weights, target), this.#classes);
  }
}
