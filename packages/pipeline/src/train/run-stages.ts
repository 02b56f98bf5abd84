/** Assembles the stages of a run: models with their weights, data, and the training loop. */
import { basename } from "node:path";
import { scope } from "@slicestack/torch";
import { worldSize } from "@slicestack/torch/distributed";
import { convertSyncBatchNorm, type Module } from "@slicestack/torch/nn";
import { JobStopped, stopIfAsked } from "../engine/job.js";
import type { StageName } from "../config/stages.js";
import type { RunConfigOf } from "../config/types.js";
import type { TaskVolume } from "../data/task.js";
import { volumeEmbeddings, volumeMaps, type Features, type FeatureSource } from "../predict/features.js";
import { Joint } from "../models/trunk-with-head.js";
import { SliceStore } from "../input/slices.js";
import { datasetSource } from "../input/source.js";
import { VolumeStore } from "../input/volumes.js";
import { componentOf } from "../models/component.js";
import { createModel, createTrunk } from "../models/create-model.js";
import { loadForNewClasses, loadTrunk, loadWeights, type Loaded } from "../models/load-weights.js";
import type { ModelSpec, SliceSpec, StackSpec, VolumeSpec } from "../models/spec.js";
import { layoutOf } from "../run/compute.js";
import { readRecord, RunError, runPaths, SLICE_STAGE_SPLIT, writeRecord } from "../run/folder.js";
import type { OpenRun } from "../run/open-run.js";
import { Checkpoints, endOf, isBegun } from "./checkpoint.js";
import { localBatchNorms } from "./distributed.js";
import { fineTuneStage } from "./fine-tune-stage.js";
import { initSource, type InitModel } from "./init-from.js";
import { trainStage, type StageResult, type StageRun } from "./loop.js";
import { sliceStage, trainingVolumes } from "./slice-stage.js";
import { volumeStage } from "./volume-stage.js";
import { voxelStage } from "./voxel-stage.js";

export interface Training<Spec extends ModelSpec = ModelSpec> extends OpenRun {
  config: RunConfigOf<Spec["method"]>;
  /** The model that is trained. */
  spec: Spec;
  stageRun: StageRun;
  /** The file of slice.pretrained; null if there is none, or where the slice stage is past its start. */
  pretrained: string | null;
  /** The model of init_from; null if there is none, or where every stage is past its start. */
  initFrom: InitModel | null;
  /** Whether this process keeps the records of the run. */
  isFirst: boolean;
}

/** @throws RunError, CheckpointError, ModelError, ConfigError, EngineError, DistributedError */
export function runStage(stage: StageName, training: Training): StageResult {
  const { run, resume } = training.stageRun;
  const ended = resume ? endOf(run, stage) : null;
  if (ended !== null) {
    new Checkpoints(run, stage, { log: (line) => training.stageRun.job.log(line) }).dropRemainingStates();
    return { status: "finished", best: ended.best?.score };
  }
  try {
    return scope(() => {
      const { spec, config } = training;
      if (spec.method === "3d" && config.method === "3d") return runVoxelStage({ ...training, spec, config });
      if (spec.method === "2.5d" && config.method === "2.5d" && stage !== "slice")
        return stage === "fine_tune"
          ? runFineTuneStage({ ...training, spec, config })
          : runHeadStage({ ...training, spec, config });
      if (spec.method !== "3d" && config.method !== "3d") return runSliceStage({ ...training, spec, config });
      const problem = `has a model.json of method ${spec.method} and a config.yaml of method ${config.method}`;
      throw new RunError(run, problem, "Restore both files from a copy of the run.");
    });
  } catch (error) {
    // The stop was requested before the stage itself began; its embeddings will be computed again.
    if (error instanceof JobStopped) return { status: "stopped", best: undefined };
    throw error;
  }
}

/** The slices of the data set as input of the model. */
function sliceStore({ spec, dataset, stageRun }: Training<SliceSpec | StackSpec>): SliceStore {
  return new SliceStore(datasetSource(dataset), { ...spec.input, device: stageRun.compute.device });
}

function runSliceStage(training: Training<SliceSpec | StackSpec>): StageResult {
  const { config, task, stageRun, pretrained } = training;
  const { compute, run } = stageRun;
  using model = createTrunk(training.spec);
  using store = sliceStore(training);
  if (!(stageRun.resume && isBegun(run, "slice"))) {
    if (config.checkpoint !== null)
      recordStart(training, "checkpoint", config.checkpoint, loadWeights(model, config.checkpoint));
    if (training.initFrom !== null) startFrom(training, training.initFrom, "slice", model);
  }
  if (pretrained !== null)
    recordStart(training, "slice.pretrained", pretrained, loadTrunk(model, pretrained));
  ready(training, model, config.slice.syncBatchNorm);
  model.to(layoutOf(compute, "slices"));
  return trainStage(
    sliceStage({ config, task, store, model, compute, metadata: origin(training) }),
    stageRun,
  );
}

/** Stage two of 2.5D, on the features of the frozen slice model. */
function runHeadStage(training: Training<StackSpec>): StageResult {
  const { config, spec, task, stageRun } = training;
  const { compute } = stageRun;
  using model = createModel(spec);
  const { trunk, head } = model;
  using store = sliceStore(training);
  const hash = frozenTrunk(training, trunk);
  trunk.to({ device: compute.device });
  const [train, val] = [trainingVolumes(config, task), task.parts.val];
  const source = {
    model: trunk,
    weightsHash: hash,
    store,
    datasetHash: training.dataset.info.hash,
    slices: config.head.slices,
  };
  const features = featuresOf(training, source, train, val);
  const { initFrom } = training;
  if (initFrom !== null && !(stageRun.resume && isBegun(stageRun.run, "volume")))
    startFrom(training, initFrom, "volume", head);
  ready(training, head, config.head.syncBatchNorm);
  const stage = volumeStage({
    config,
    train: { volumes: train, views: features.train },
    val: { volumes: val, features: features.val },
    head,
    slices: spec.head.slices,
    classes: task.classes.count,
    device: compute.device,
    metadata: { ...origin(training), slice_model: hash },
  });
  return trainStage(stage, stageRun);
}

/** The features of train, without augmentation and in each view, and of val. */
function featuresOf(
  { config, stageRun: { job, compute } }: Training<StackSpec>,
  source: FeatureSource,
  train: TaskVolume[],
  val: TaskVolume[],
): { train: Features[]; val: Features } {
  const { views, model, slices } = config.head;
  const count = (volumes: TaskVolume[]) =>
    volumes.reduce(
      (sum, volume) => sum + Math.min(slices ?? Infinity, source.store.slicesOf(volume).length),
      0,
    );
  const total = (1 + views) * count(train) + count(val);
  let before = 0;
  const passes = (volumes: TaskVolume[], number = 0): Features => {
    const onBatch = (done: number) => {
      // Several processes would have to stop at the same batch, so they continue to the stage and stop there.
      if (worldSize() === 1) stopIfAsked(job);
      job.report({ stage: "embeddings", done: Math.min(total, before + done), total, unit: "slices" });
    };
    const view =
      number === 0 ? {} : { view: { augment: config.transform.augment, seed: config.seed, number } };
    const options = { ...compute, onBatch, ...view };
    const seesMaps = componentOf("head", model.name).sees === "maps";
    const features_N = (seesMaps ? volumeMaps : volumeEmbeddings)(source, volumes, options);
    before += count(volumes);
    job.report({ stage: "embeddings", done: before, total, unit: "slices" });
    return features_N;
  };
  const features = { train: [passes(train)], val: passes(val) };
  for (let number = 1; number <= views; number++) features.train.push(passes(train, number));
  return features;
}

/** Stage three of 2.5D. */
function runFineTuneStage(training: Training<StackSpec>): StageResult {
  const { config, spec, task, stageRun } = training;
  const { compute, run } = stageRun;
  using model = new Joint(createModel(spec));
  const { trunk, head } = model;
  using store = sliceStore(training);
  const sliceHash = frozenTrunk(training, trunk);
  const volume = loadWeights(head, runPaths(run).best("volume"));
  if (volume.metadata.slice_model !== sliceHash)
    throw new RunError(
      runPaths(run).best("volume"),
      "belongs to a slice model other than that of this run",
      "Train the volume stage again.",
    );
  // The trunk computes as in evaluation, so that its batch norm needs no synchronisation.
  ready(training, model, config.fineTune.syncBatchNorm, head);
  const { slices } = spec.head;
  const metadata = { ...origin(training), slice_model: sliceHash, volume_model: volume.hash };
  return trainStage(fineTuneStage({ config, task, store, model, slices, compute, metadata }), stageRun);
}

/** 3D: a network on whole volumes. */
function runVoxelStage(training: Training<VolumeSpec>): StageResult {
  const { config, spec, task, stageRun } = training;
  const { compute, run, resume } = stageRun;
  using modules = createModel(spec);
  const { network: model } = modules;
  using store = new VolumeStore(datasetSource(training.dataset), { ...spec.input, device: compute.device });
  if (!(resume && isBegun(run, "volume"))) {
    if (config.checkpoint !== null)
      recordStart(training, "checkpoint", config.checkpoint, loadWeights(model, config.checkpoint));
    if (training.initFrom !== null) startFrom(training, training.initFrom, "volume", model);
  }
  ready(training, model, config.network.syncBatchNorm);
  model.to(layoutOf(compute, "volumes"));
  return trainStage(
    voxelStage({ config, task, store, model, compute, metadata: origin(training) }),
    stageRun,
  );
}

/** The data that weights were trained on, stored with them. */
const origin = ({ dataset, split }: Training): Record<string, string> => ({
  dataset: dataset.info.hash,
  split: split.hash,
});

/** Moves the model to the device; with several processes, sets up batch norm as configured. */
function ready(
  { stageRun: { compute, job } }: Training,
  model: Module,
  sync: boolean,
  learning = model,
): void {
  if (worldSize() > 1) {
    const local = localBatchNorms(learning);
    if (sync) convertSyncBatchNorm(model);
    else if (local.length > 0)
      job.log(
        `batch norm (${local.length} layers, first ${local[0]}) uses the items of each process separately, so that the gradient differs from that of one process; sync_batch_norm: true makes it equal`,
      );
  }
  model.to({ device: compute.device });
}

/** Loads the slice model of this run for the stages that are built on it. @returns its hash   @throws RunError (trap 1), CheckpointError */
function frozenTrunk({ split, stageRun }: Training, model: Module): string {
  const file = runPaths(stageRun.run).best("slice");
  const { hash, metadata } = loadWeights(model, file);
  // A reused slice stage may have had more training volumes; planSliceStage has checked val and test.
  const expected = readRecord(stageRun.run).environment[SLICE_STAGE_SPLIT] ?? split.hash;
  if (metadata.split !== expected) refuseSplit(file, metadata.split, expected);
  return hash;
}

/** Weights that were trained on another split of this data set may have been trained on volumes that are validation or test here. */
export function refuseForeignSplit(
  { dataset, split }: Pick<OpenRun, "dataset" | "split">,
  file: string,
  metadata: Record<string, string>,
): void {
  if (metadata.dataset === dataset.info.hash && metadata.split !== split.hash)
    refuseSplit(file, metadata.split, split.hash);
}

function refuseSplit(file: string, theirs: string | undefined, ours: string): never {
  throw new RunError(
    file,
    `was trained on split ${theirs?.slice(0, 12) ?? "unknown"}, this run has ${ours.slice(0, 12)}`,
    "Train it on this split: otherwise it may have been trained on volumes that are validation or test here.",
  );
}

/** Starts from the weights of another run, without the last layers if the classes differ. */
function startFrom(training: Training, init: InitModel, stage: StageName, model: Module): void {
  const source = initSource(training.config, init, stage);
  const key = `init_from (${stage})`;
  if (source === null)
    return note(training, key, "That run does not have this head, which starts from random weights.");
  const loaded = loadForNewClasses(model, source.file, source.prefix);
  const notes = init.name === null ? loaded.notes : [`It is ${init.name} of several.`, ...loaded.notes];
  recordStart(training, key, source.file, { ...loaded, notes });
}

/** Records the file that the run started from and how it was read. @throws RunError if it was trained on another split of this data set */
function recordStart(training: Training, key: string, file: string, { hash, metadata, notes }: Loaded): void {
  refuseForeignSplit(training, file, metadata);
  note(training, key, [`${basename(file)}, SHA-256 ${hash}.`, ...notes].join(" "));
}

function note({ isFirst, stageRun: { run } }: Training, key: string, value: string): void {
  if (!isFirst) return;
  const record = readRecord(run);
  writeRecord(run, { ...record, environment: { ...record.environment, [key]: value } });
}
