/** @slicestack/torch/optim: optimisers, learning-rate schedules, gradient clipping. */
export { Adam, AdamW, type AdamOptions } from "./adam.js";
export { clipGradNorm, clipGradValue } from "./clip.js";
export { Optimizer, OptimizerStateError, type OptimizerState, type ParameterGroup } from "./optimizer.js";
export {
  ConstantSchedule,
  CosineSchedule,
  OneCycleSchedule,
  PlateauSchedule,
  StepSchedule,
  type CosineOptions,
  type OneCycleOptions,
  type PlateauOptions,
  type Schedule,
  type ScheduleState,
  type StepOptions,
} from "./schedule.js";
export { SGD, type SGDOptions } from "./sgd.js";
