/** The job of a plan: how fast this machine trains and embeds slices of a size, and trains networks on whole volumes. */
import { randn, scope } from "@slicestack/torch";
import type { JobContext } from "../engine/job.js";
import { createSliceModel, createVolumeModel } from "../models/create-by-name.js";
import { measureSpeed } from "../models/measure-speed.js";
import { planCompute, startCompute } from "../run/compute.js";
import { plannedSize, type Speed } from "./choose-config.js";
import type { NetworkSpeed } from "./choose-network.js";

export interface MeasureJob {
  /** Height and width of the stored slices. */
  stored: [number, number];
  classes: number;
  models: string[];
  /** Networks for whole volumes, each with the height, width and slices of its input; default none. */
  networks?: Pick<NetworkSpeed, "model" | "size">[];
  compute: { device: string; threads: number | "auto"; precision: "auto" | "float32" | "bfloat16" };
}

export interface Measured {
  device: string;
  speeds: Speed[];
  networks: NetworkSpeed[];
}

const BATCH = 32;
const VOLUME_BATCH = 4;
const LEAST = { seconds: 1.5, steps: 2 };

export function job(
  { stored, classes, models, networks = [], compute }: MeasureJob,
  context: JobContext,
): Measured {
  const plan = planCompute(compute);
  const size = plannedSize(stored, plan.device);
  startCompute(plan, 0);
  const total = models.length + networks.length;
  const report = (done: number, name: string) =>
    context.report({ stage: "measure", done, total, unit: "models", message: name });
  const speeds = models.map((name, k): Speed => {
    report(k, name);
    return scope(() => {
      using model = createSliceModel({ model: name, dropout: 0 }, classes, size);
      const x_BCHW = randn([BATCH, model.channels, ...size], { device: plan.device });
      const { training, inference } = measureSpeed(model, x_BCHW, plan, LEAST);
      return { model: name, training, embedding: inference };
    });
  });
  const measured = networks.map(({ model: name, size: volume }, k): NetworkSpeed => {
    report(models.length + k, name);
    return scope(() => {
      using network = createVolumeModel({ model: name }, classes, volume);
      const x_B1HWD = randn([VOLUME_BATCH, 1, ...volume], { device: plan.device });
      return { model: name, size: volume, ...measureSpeed(network, x_B1HWD, plan, LEAST) };
    });
  });
  context.report({ stage: "measure", done: total, total, unit: "models" });
  return { device: plan.device, speeds, networks: measured };
}
