/** The job of `plan`: how fast this machine trains and embeds slices of a size. */
import { autocast, functional as F, noGrad, randn, scope, zeros } from "@slicestack/torch";
import type { JobContext } from "../engine/job.js";
import { createSliceModel } from "../models/create-by-name.js";
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
/** The first step is slow and not counted; after it, at least this long and this often. */
const LEAST_SECONDS = 1.5;
const LEAST_STEPS = 2;

export function job({ stored, classes, models, compute }: MeasureJob, context: JobContext): Measured {
  const plan = planCompute(compute);
  const size = plannedSize(stored, plan.device);
  startCompute(plan, 0);
  const speeds = models.map((name, k): Speed => {
    context.report({ stage: "measure", done: k, total: models.length, unit: "models", message: name });
    return scope(() => {
      using model = createSliceModel({ model: name, dropout: 0 }, classes, size);
      model.to({ device: plan.device, ...(plan.bfloat16 ? { memoryFormat: "channels_last" as const } : {}) });
      const x_BCHW = randn([BATCH, model.channels, ...size], { device: plan.device });
      const label_B = zeros([BATCH], { dtype: "int64", device: plan.device });
      const run = <T>(body: () => T): T => (plan.bfloat16 ? autocast({ device: plan.device }, body) : body());
      const train = () => {
        model.train();
        const loss = run(() => F.crossEntropy(model.forward(x_BCHW), label_B));
        loss.backward();
        loss.item();
        model.zeroGrad();
      };
      const embed = () => {
        model.eval();
        noGrad(() =>
          run(() => model.forward(x_BCHW))
            .sum()
            .item(),
        );
      };
      return { model: name, training: rateOf(train), embedding: rateOf(embed) };
    });
  });
  context.report({ stage: "measure", done: models.length, total: models.length, unit: "models" });
  return { device: plan.device, speeds };
}

/** Slices per second. */
function rateOf(step: () => void): number {
  scope(step);
  const start = performance.now();
  let [steps, seconds] = [0, 0];
  for (; steps < LEAST_STEPS || seconds < LEAST_SECONDS; steps++) {
    scope(step);
    seconds = (performance.now() - start) / 1000;
  }
  return (steps * BATCH) / ((performance.now() - start) / 1000);
}
