/** The loss of a stage with its class weights, and the weight of its pieces. */
import type { Tensor } from "@slicestack/torch";
import type { LossConfig } from "../../config/types.js";
import { configuredWeights, sharesOf, weightTensor } from "./class-weights.js";
import { createCriterion } from "../../models/create-by-name.js";
import type { Criterion } from "../../models/losses/criterion.js";

export class Objective {
  readonly #criterion: Criterion;
  readonly #weights: number[] | null;
  readonly #classes: number;

  /**
   * @param section of the configuration, for error messages
   * @param labels of the training items, whose frequencies determine the class weights   @throws ConfigError
   */
  constructor(section: string, config: LossConfig, labels: readonly number[], classes: number) {
    this.#criterion = createCriterion(section, config, classes, sharesOf(labels, classes));
    this.#weights = configuredWeights(config, labels, classes);
    this.#classes = classes;
  }

  /** The mean loss of logits_BO in float32; 0 for no items, computed through the model, so that every process takes part. */
  loss(logits_BO: Tensor, target: Tensor): Tensor {
    const exact_BO = logits_BO.to({ dtype: "float32" });
    if (exact_BO.size(0) === 0) return exact_BO.sum();
    return this.#criterion.loss(exact_BO, target, weightTensor(this.#weights, exact_BO));
  }

  /** The weight of items in the mean of their batch. */
  mass(target: Tensor): number {
    return target.size(0) === 0
      ? 0
      : this.#criterion.mass(target, weightTensor(this.#weights, target), this.#classes);
  }
}
