/** Measures how fast this machine trains the models of a sweep; runs in a worker, which holds the engine. */
import { randn, scope, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import type { Choice } from "../config/choice.js";
import type { JobContext } from "../engine/job.js";
import { createSliceModel, createVolumeModel } from "../models/create-by-name.js";
import { measureSpeed, type ModelSpeed } from "../models/measure-speed.js";
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

export interface CostMeasured {
  device: string;
  /** In slices or volumes. */
  speeds: ModelSpeed[];
}

const LEAST = { seconds: 1, steps: 1 };

export function job({ models, compute }: CostJob, context: JobContext): CostMeasured {
  const plan = planCompute(compute);
  startCompute(plan, 0);
  const speeds = models.map((measured, k): ModelSpeed => {
    const { kind, model, size, classes, batch } = measured;
    context.report({ stage: "measure", done: k, total: models.length, unit: "models", message: model.name });
    return scope(() => {
      const [first, second, third] = size;
      const shape = kind === "slice" ? [batch, ...size] : [batch, 1, ...size];
      using made: Module & { forward: (x: Tensor) => Tensor } =
        kind === "slice"
          ? createSliceModel({ model, dropout: 0, channels: first }, classes, [second, third])
          : createVolumeModel({ model }, classes, size);
      return measureSpeed(made, randn(shape, { device: plan.device }), plan, LEAST);
    });
  });
  return { device: plan.device, speeds };
}
