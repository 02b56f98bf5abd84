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
  type ParameterGroup,
  type Schedule,
} from "@slicestack/torch/optim";
import type { OptimisationConfig } from "../config/types.js";

export function createOptimizer(
  parameters: Iterable<Tensor> | ParameterGroup[],
  config: OptimisationConfig,
): Optimizer {
  const { learningRate, weightDecay, momentum } = config;
  if (config.optimizer === "sgd") return new SGD(parameters, { learningRate, weightDecay, momentum });
  return new { adam: Adam, adamw: AdamW }[config.optimizer](parameters, { learningRate, weightDecay });
}

export interface StageSchedule extends Pick<Schedule, "observe" | "state" | "restore"> {
  /** @param step of the whole stage   @param epoch both counted from 0 */
  rate(step: number, epoch: number): number;
}

/**
 * plateau: as published (x 0.1, patience 5); step: x 0.1 after each third. cosine and one_cycle change at every step. A warm-up
 * rises linearly, as PyTorch's LinearLR does; one_cycle includes one.
 */
export function createSchedule(config: OptimisationConfig, stepsPerEpoch: number): StageSchedule {
  const { learningRate, epochs } = config;
  const total = Math.max(1, epochs * stepsPerEpoch);
  const warmup = Math.min(config.warmupEpochs * stepsPerEpoch, total - 1);
  switch (config.schedule) {
    case "plateau":
      return byEpoch(new PlateauSchedule({ learningRate, factor: 0.1, patience: 5 }), warmup);
    case "step":
      return byEpoch(new StepSchedule({ learningRate, size: Math.max(1, Math.ceil(epochs / 3)) }), warmup);
    case "constant":
      return byEpoch(new ConstantSchedule({ learningRate }), warmup);
    case "cosine":
      return byStep(new CosineSchedule({ learningRate, total, warmup }));
    case "one_cycle":
      return byStep(new OneCycleSchedule({ learningRate, total }));
  }
}

const byStep = (schedule: Schedule): StageSchedule => ({
  ...remembered(schedule),
  rate: (step) => schedule.learningRate(step),
});

const byEpoch = (schedule: Schedule, warmup: number): StageSchedule => ({
  ...remembered(schedule),
  rate: (step, epoch) => schedule.learningRate(epoch) * Math.min(1, (step + 1) / (warmup + 1)),
});

const remembered = (schedule: Schedule) => ({
  observe: (metric: number) => schedule.observe(metric),
  state: () => schedule.state(),
  restore: (state: ReturnType<Schedule["state"]>) => schedule.restore(state),
});
