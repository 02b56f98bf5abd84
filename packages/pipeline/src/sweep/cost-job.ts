/** Measures how fast this machine trains the models of a sweep; runs in a worker, which holds the engine. */
import { autocast, functional as F, noGrad, randn, scope, zeros, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import type { Choice } from "../config/choice.js";
import type { JobContext } from "../engine/job.js";
import { createSliceModel, createVolumeModel } from "../models/create-by-name.js";
import { planCompute, startCompute } from "../run/compute.js";

/** One model at one input size. */
export interface MeasuredModel {
  kind: "slice" | "volume";
  model: Choice;
  /** Channels, height, width; of volumes height, width, slices. */
  size: [number, number, number];
  classes: number;
  batch: number;
}

export interface CostJob {
  models: MeasuredModel[];
  compute: { device: string; threads: number | "auto"; precision: "auto" | "float32" | "bfloat16" };
}

/** Slices or volumes per second. */
export interface MeasuredSpeed {
  training: number;
  inference: number;
}

export interface CostMeasured {
  device: string;
  speeds: MeasuredSpeed[];
}

/** The first step is slow and is not counted. */
const LEAST_SECONDS = 1;

export function job({ models, compute }: CostJob, context: JobContext): CostMeasured {
  const plan = planCompute(compute);
  startCompute(plan, 0);
  const run = <T>(body: () => T): T => (plan.bfloat16 ? autocast({ device: plan.device }, body) : body());
  const speeds = models.map((measured, k): MeasuredSpeed => {
    const { kind, model, size, classes, batch } = measured;
    context.report({ stage: "measure", done: k, total: models.length, unit: "models", message: model.name });
    return scope(() => {
      const [first, second, third] = size;
      const shape = kind === "slice" ? [batch, ...size] : [batch, 1, ...size];
      using made: Module & { forward: (x: Tensor) => Tensor } =
        kind === "slice"
          ? createSliceModel({ model, dropout: 0, channels: first }, classes, [second, third])
          : createVolumeModel({ model }, classes, size);
      made.to({ device: plan.device });
      const x = randn(shape, { device: plan.device });
      const label_B = zeros([batch], { dtype: "int64", device: plan.device });
      const train = () => {
        made.train();
        const loss = run(() => F.crossEntropy(made.forward(x), label_B));
        loss.backward();
        loss.item();
        made.zeroGrad();
      };
      const infer = () => {
        made.eval();
        noGrad(() =>
          run(() => made.forward(x))
            .sum()
            .item(),
        );
      };
      return { training: batch * rateOf(train), inference: batch * rateOf(infer) };
    });
  });
  return { device: plan.device, speeds };
}

/** Steps per second. */
function rateOf(step: () => void): number {
  scope(step);
  const start = performance.now();
  let steps = 0;
  let seconds = 0;
  for (; seconds < LEAST_SECONDS; steps++) {
    scope(step);
    seconds = (performance.now() - start) / 1000;
  }
  return steps / seconds;
}
