/** The job of `plan`: how fast this machine trains and embeds slices of a size. */
import { randn, scope } from "@slicestack/torch";
import type { JobContext } from "../engine/job.js";
import { createSliceModel } from "../models/create-by-name.js";
import { measureSpeed } from "../models/measure-speed.js";
import { planCompute, startCompute } from "../run/compute.js";
import { plannedSize, type Speed } from "./choose-config.js";

export interface MeasureJob {
  /** Height and width of the stored slices. */
  stored: [number, number];
  classes: number;
  models: string[];
  compute: { device: string; threads: number | "auto"; precision: "auto" | "float32" | "bfloat16" };
}

export interface Measured {
  device: string;
  speeds: Speed[];
}

const BATCH = 32;
const LEAST = { seconds: 1.5, steps: 2 };

export function job({ stored, classes, models, compute }: MeasureJob, context: JobContext): Measured {
  const plan = planCompute(compute);
  const size = plannedSize(stored, plan.device);
  startCompute(plan, 0);
  const speeds = models.map((name, k): Speed => {
    context.report({ stage: "measure", done: k, total: models.length, unit: "models", message: name });
    return scope(() => {
      using model = createSliceModel({ model: name, dropout: 0 }, classes, size);
      const x_BCHW = randn([BATCH, model.channels, ...size], { device: plan.device });
      const { training, inference } = measureSpeed(model, x_BCHW, plan, LEAST);
      return { model: name, training, embedding: inference };
    });
  });
  context.report({ stage: "measure", done: models.length, total: models.length, unit: "models" });
  return { device: plan.device, speeds };
}
