/** Estimates the time that a sweep takes on this machine, from the measured speed of its models. */
import { runJob } from "../engine/session.js";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import type { RunConfig } from "../config/types.js";
import type { Dataset } from "../data/store.js";
import { taskOf } from "../data/task.js";
import { sliceInput, volumeInput } from "../input/of-config.js";
import { channelsOf, planesOf } from "../input/schema.js";
import { splitFor } from "../train/choose-split.js";
import { sliceStageKey } from "../train/slice-from.js";
import type { CostJob, CostMeasured, MeasuredModel } from "./cost-job.js";
import type { ModelSpeed } from "../models/measure-speed.js";

export interface SweepCost {
  device: string;
  /** All trials one after another; shared slice stages are counted once. */
  seconds: number;
  /** Seconds of the longest trial. */
  longest: number;
  /** Number of models whose speed was measured; the others are assumed to be as fast as these on average. */
  measured: number;
  models: number;
}

/** A trial with its configuration. */
export interface CostedTrial {
  config: RunConfig;
  fold: number | null;
}

/** The most models to measure; each takes two seconds or more. */
const MOST_MEASURED = 6;
/** Seconds for the start of a training, its checkpoints and its scoring. */
const OVERHEAD = 20;
/** Seconds of a light head per volume and epoch, as in slicestack plan. */
const HEAD_SECONDS = 2e-4;

/** @returns null without trials   @throws LibtorchNotFoundError, and the errors of models that do not fit the data */
export async function sweepCost(
  trials: readonly CostedTrial[],
  dataset: Dataset,
  options: TaskOptions = {},
): Promise<SweepCost | null> {
  const [first] = trials;
  if (first === undefined) return null;
  const models = new Map<string, MeasuredModel>();
  for (const { config } of trials) {
    const model = modelOf(config, dataset);
    models.set(JSON.stringify(model), model);
  }
  const measured = [...models.values()].slice(0, MOST_MEASURED);
  const { device, threads, precision } = first.config;
  const job: CostJob = { models: measured, compute: { device, threads, precision } };
  const { speeds, device: on } = await runJob<CostJob, CostMeasured>(
    new URL("./cost-job.js", import.meta.url),
    job,
    taskOptionsOf(options),
  );
  const bySpeed = new Map(measured.map((model, k) => [JSON.stringify(model), speeds[k]!]));
  const usual = {
    training: mean(speeds.map(({ training }) => training)),
    inference: mean(speeds.map(({ inference }) => inference)),
  };
  const shared = new Set<string>();
  const seconds = trials.map(({ config, fold }) => {
    const speed = bySpeed.get(JSON.stringify(modelOf(config, dataset))) ?? usual;
    const stages = secondsOf(config, countsOf(config, dataset, fold), speed);
    if (config.method === "3d") return stages.slice + stages.volume;
    const key = `${fold} ${sliceStageKey(config)}`;
    const isTrained = shared.has(key);
    shared.add(key);
    return (isTrained ? 0 : stages.slice) + stages.volume;
  });
  return {
    device: on,
    seconds: seconds.reduce((sum, one) => sum + one, 0),
    longest: Math.max(...seconds),
    measured: measured.length,
    models: models.size,
  };
}

function modelOf(config: RunConfig, dataset: Dataset): MeasuredModel {
  const classes = Math.max(
    2,
    config.task.classMapping === null
      ? (config.task.classesToInclude?.length ?? dataset.info.classes.length)
      : new Set(config.task.classMapping.values()).size,
  );
  if (config.method === "3d") {
    const { model, batchSize } = config.network;
    return {
      kind: "volume",
      model,
      size: volumeInput(config, dataset).size,
      classes,
      batch: Math.min(4, batchSize),
    };
  }
  const input = sliceInput(config, dataset);
  return {
    kind: "slice",
    model: config.slice.model,
    size: [channelsOf(input), ...input.size],
    classes,
    batch: Math.min(32, config.slice.batchSize),
  };
}

interface Counts {
  train: number;
  val: number;
  /** Number of slices of a volume, over all planes. */
  slices: number;
}

function countsOf(config: RunConfig, dataset: Dataset, fold: number | null): Counts {
  const split = splitFor(dataset, config, fold ?? undefined);
  const { train, val } = taskOf(config, dataset, split).parts;
  const depth = train.reduce((sum, { count }) => sum + count, 0) / Math.max(1, train.length);
  return { train: train.length, val: val.length, slices: depth * planesOf(config.transform) };
}

/** Seconds of the slice stage, and of all later stages. */
function secondsOf(config: RunConfig, { train, val, slices }: Counts, { training, inference }: ModelSpeed) {
  if (config.method === "3d")
    return {
      slice: 0,
      volume: config.network.epochs * (train / training + val / inference) + val / inference + OVERHEAD,
    };
  const drawn = Math.min(slices, config.slice.slicesPerVolume ?? slices);
  const slice = config.slice.epochs * ((train * drawn) / training + (val * drawn) / inference);
  if (config.method === "2d") return { slice, volume: (val * slices) / inference + OVERHEAD };
  const seen = Math.min(slices, config.head.slices ?? slices);
  const embeddings = ((train * (1 + config.head.views) + 2 * val) * seen) / inference;
  const head = config.head.epochs * train * HEAD_SECONDS;
  const tuned = Math.min(slices, config.fineTune.slices ?? slices);
  // Activations are computed a second time for their gradient.
  const fineTune =
    config.fineTune.epochs * ((train * tuned) / training + ((train + val) * tuned) / inference);
  return { slice, volume: embeddings + head + fineTune + OVERHEAD };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
