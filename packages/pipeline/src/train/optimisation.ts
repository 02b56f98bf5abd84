/** Optimiser and learning-rate schedule of a stage by their names in the config. */
import type { Tensor } from "@slicestack/torch";
import {
  Adam,
  AdamW,
  ConstantSchedule,
  CosineSchedule,
  OneCycleSchedule,
  PlateauSchedule,
  SGD,
  StepSchedule,
  type Optimizer,
  type Schedule,
} from "@slicestack/torch/optim";
import type { OptimisationConfig } from "../config/types.js";

export function createOptimizer(parameters: Iterable<Tensor>, config: OptimisationConfig): Optimizer {
  const { learningRate, weightDecay, momentum } = config;
  if (config.optimizer === "sgd") return new SGD(parameters, { learningRate, weightDecay, momentum });
  return new { adam: Adam, adamw: AdamW }[config.optimizer](parameters, { learningRate, weightDecay });
}

/** A schedule and what its time counts. */
export type StageSchedule = Schedule & { unit: "step" | "epoch" };

/** The published plateau (x 0.1, patience 5); step: x 0.1 after each third. Cosine and one-cycle move every step. */
export function createSchedule(config: OptimisationConfig, stepsPerEpoch: number): StageSchedule {
  const { learningRate, epochs } = config;
  const total = Math.max(1, epochs * stepsPerEpoch);
  const warmup = Math.min(config.warmupEpochs * stepsPerEpoch, total - 1);
  switch (config.schedule) {
    case "plateau":
      return Object.assign(new PlateauSchedule({ learningRate, factor: 0.1, patience: 5 }), { unit: "epoch" as const });
    case "step":
      return Object.assign(new StepSchedule({ learningRate, size: Math.max(1, Math.ceil(epochs / 3)) }), {
        unit: "epoch" as const,
      });
    case "cosine":
      return Object.assign(new CosineSchedule({ learningRate, total, warmup }), { unit: "step" as const });
    case "one_cycle":
      return Object.assign(new OneCycleSchedule({ learningRate, total }), { unit: "step" as const });
    case "constant":
      return Object.assign(new ConstantSchedule({ learningRate }), { unit: "epoch" as const });
  }
}
