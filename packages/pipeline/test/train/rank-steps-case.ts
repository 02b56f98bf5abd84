/** Steps of an epoch of real stages, in as many processes as have joined. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { manualSeed, randn, scope } from "@slicestack/torch";
import { worldSize } from "@slicestack/torch/distributed";
import { convertSyncBatchNorm } from "@slicestack/torch/nn";
import type { RunConfig } from "../../src/config/types.js";
import type { Dataset } from "../../src/data/store.js";
import type { Task } from "../../src/data/task.js";
import { Joint } from "../../src/models/trunk-with-head.js";
import { createHead, createSliceModel, createVolumeModel } from "../../src/models/create-by-name.js";
import { sliceTransform, volumeTransform } from "../../src/input/of-config.js";
import { SliceStore } from "../../src/input/slices.js";
import { datasetSource } from "../../src/input/source.js";
import { VolumeStore } from "../../src/input/volumes.js";
import { fineTuneStage } from "../../src/train/fine-tune-stage.js";
import { sliceStage } from "../../src/train/slice-stage.js";
import type { Stage } from "../../src/train/stage.js";
import { backwardBatch } from "../../src/train/step.js";
import { volumeStage } from "../../src/train/volume-stage.js";
import { voxelStage } from "../../src/train/voxel-stage.js";
import { ofMethod } from "../config/of-method.js";
import { config, randomDataset, twoClasses } from "../models/support.js";

export const stepNames = [
  "resnet18 at 32 pixels",
  "slice_cnn in three pieces",
  "fine-tuning",
  "a gru head",
  "volume_cnn",
] as const;
export type StepName = (typeof stepNames)[number];

export interface Steps {
  batches: number[];
  /** Of each batch. */
  losses: number[];
  /** Of the first parameter, summed over the batches. */
  gradient: number[];
}

const compute = { device: "cpu", bfloat16: false };

interface Setting {
  run: RunConfig;
  dataset: Dataset;
  task: Task;
  store: SliceStore;
}

function setting(
  folder: string,
  depths: number[],
  size: [number, number],
  overrides: Record<string, string>,
): Setting {
  const run = config(overrides);
  const dataset = randomDataset(mkdtempSync(join(folder, "data-")), depths, size);
  const { volumes } = dataset;
  const task: Task = {
    classes: twoClasses,
    parts: { train: volumes, val: volumes, test: [] },
  };
  return {
    run,
    dataset,
    task,
    store: new SliceStore(datasetSource(dataset), sliceTransform(run, dataset, "cpu")),
  };
}

function stepsOf<T, I>(stage: Stage<T, I>, pieces: number): Steps {
  const { model } = stage;
  const batches = stage.batches(0);
  model.train();
  const losses = batches.map((batch, step) =>
    scope(() => backwardBatch(stage, stage.input(batch, 0, step), batch.length, pieces, compute)),
  );
  const gradient = scope(() => model.parameters()[0]!.grad!.toArray());
  return { batches: batches.map(({ length }) => length), losses, gradient };
}

function sliceSteps(folder: string, model: "resnet18" | "slice_cnn", isSynchronised: boolean): Steps {
  const [depths, size, batch, pieces] =
    model === "resnet18" ? ([[6, 5], 32, 4, 1] as const) : ([[3, 2], 16, 5, 3] as const);
  const made = setting(folder, [...depths], [size, size], {
    "slice.model": model,
    "slice.batch_size": String(batch),
    "slice.sync_batch_norm": String(isSynchronised),
  });
  using store = made.store;
  using network = createSliceModel({ model, dropout: 0 }, 2, [size, size]);
  if (isSynchronised && worldSize() > 1) convertSyncBatchNorm(network);
  return stepsOf(
    sliceStage({ ...made, config: ofMethod(made.run, "2.5d"), store, model: network, compute, metadata: {} }),
    pieces,
  );
}

function fineTuneSteps(folder: string): Steps {
  const overrides = { "slice.model": "slice_cnn", "head.model": "mean", "fine_tune.batch_size": "1" };
  const made = setting(folder, [3, 2], [16, 16], overrides);
  using store = made.store;
  const trunk = createSliceModel({ model: "slice_cnn", dropout: 0 }, 2, [16, 16]);
  const head = createHead(
    { model: "mean", dropout: 0 },
    { embedding: trunk.embedding, slices: 3, classes: 2 },
  );
  using model = new Joint({ trunk, head });
  const stage = fineTuneStage({
    ...made,
    config: ofMethod(made.run, "2.5d"),
    store,
    model,
    slices: 3,
    compute,
    metadata: {},
  });
  return stepsOf({ ...stage, batches: () => made.task.parts.train.map((one) => [one]) }, 1);
}

/** A batch of one volume. */
function headSteps(folder: string): Steps {
  const made = setting(folder, [3, 2], [16, 16], { "head.model": "gru", "head.batch_size": "1" });
  using _store = made.store;
  using model = createHead({ model: "gru", dropout: 0 }, { embedding: 4, slices: 3, classes: 2 });
  const volumes = ["s0", "s1"].map((subject, label) => ({ subject, label }));
  const stacks = [
    { offset: 0, count: 3 },
    { offset: 3, count: 2 },
  ];
  const features = { features_N: randn([5, 4]), volumes: stacks, cached: false };
  const train = { volumes, views: [features] };
  const val = { volumes, features };
  const stage = volumeStage({
    config: ofMethod(made.run, "2.5d"),
    train,
    val,
    head: model,
    slices: 3,
    classes: 2,
    device: "cpu",
    metadata: {},
  });
  const [[first]] = stage.batches(0) as [[Parameters<typeof stage.input>[0][number]]];
  return stepsOf({ ...stage, batches: () => [[first]] }, 1);
}

/** The same, of a model whose batch norm waits for all processes. */
function voxelSteps(folder: string): Steps {
  const overrides = { method: "3d", "network.model": "volume_cnn", "network.batch_size": "1" };
  const made = setting(folder, [8, 8], [16, 16], overrides);
  const run = ofMethod(made.run, "3d");
  using _store = made.store;
  using store = new VolumeStore(datasetSource(made.dataset), volumeTransform(run, made.dataset, "cpu"));
  using model = createVolumeModel({ model: "volume_cnn", dropout: 0 }, 2, [16, 16, 8]);
  if (worldSize() > 1) convertSyncBatchNorm(model);
  const stage = voxelStage({ ...made, config: run, store, model, compute, metadata: {} });
  return stepsOf({ ...stage, batches: () => [made.task.parts.train.slice(0, 1)] }, 1);
}

export function rankSteps(folder: string): Record<StepName, Steps> {
  const seeded = (steps: () => Steps): Steps => {
    manualSeed(4);
    return steps();
  };
  return {
    "resnet18 at 32 pixels": seeded(() => sliceSteps(folder, "resnet18", false)),
    "slice_cnn in three pieces": seeded(() => sliceSteps(folder, "slice_cnn", true)),
    "fine-tuning": seeded(() => fineTuneSteps(folder)),
    "a gru head": seeded(() => headSteps(folder)),
    volume_cnn: seeded(() => voxelSteps(folder)),
  };
}
