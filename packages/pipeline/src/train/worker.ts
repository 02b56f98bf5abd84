/** The worker thread of `train`: slice stage, embeddings, volume stage. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { scope } from "@slicestack/torch";
import { serveJob, type JobContext } from "../background.js";
import { volumeEmbeddings } from "../models/embeddings.js";
import { loadTrunk, loadWeights, type Loaded } from "../models/load.js";
import { createHead, createSliceModel } from "../models/registry.js";
import { SliceStore, sliceTransform } from "../models/slice-input.js";
import { planCompute, startCompute, describeEnvironment } from "../run/compute.js";
import { RunError, runPaths, readRecord, writeRecord } from "../run/folder.js";
import { openRun, type OpenRun } from "../run/open.js";
import { trainStage, type StageResult, type StageRun } from "./loop.js";
import { MetricsLog } from "./metrics-log.js";
import { sliceStage, trainingVolumes } from "./slice-stage.js";
import { checkHeadFits, volumeStage } from "./volume-stage.js";

export interface TrainJob {
  run: string;
  data: string;
  stage: "slice" | "volume" | "all";
  resume: boolean;
  /** The file of slice.pretrained; null where there is none, or where the slice stage is past its start. */
  pretrained: string | null;
}

export interface TrainOutcome {
  status: "finished" | "stopped";
  bestSlice?: number;
  bestVolume?: number;
}

function train(input: TrainJob, job: JobContext): TrainOutcome {
  const opened = openRun(input.run, input.data);
  const compute = planCompute(opened.config);
  startCompute(compute, opened.config.seed);
  const record = readRecord(input.run);
  const environment = { ...record.environment, ...describeEnvironment(compute) };
  writeRecord(input.run, { ...record, environment, status: "training" });
  if (input.stage !== "slice")
    checkHeadFits(
      opened.config,
      opened.dataset.volumes.map(({ count }) => count),
    );

  using log = new MetricsLog(input.run);
  const stageRun: StageRun = { run: input.run, resume: input.resume, log, compute, job };
  const outcome: TrainOutcome = { status: "finished" };
  if (input.stage !== "volume") {
    const slice = runSliceStage(opened, stageRun, input.pretrained);
    if (slice.best !== undefined) outcome.bestSlice = slice.best;
    outcome.status = slice.status;
  }
  if (input.stage !== "slice" && outcome.status === "finished") {
    const volume = runVolumeStage(opened, stageRun);
    if (volume.best !== undefined) outcome.bestVolume = volume.best;
    outcome.status = volume.status;
  }
  writeRecord(input.run, { ...readRecord(input.run), status: outcome.status === "finished" ? "trained" : "stopped" });
  return outcome;
}

function runSliceStage(
  { config, dataset, split, task }: OpenRun,
  stageRun: StageRun,
  pretrained: string | null,
): StageResult {
  const { compute, run, resume } = stageRun;
  const transform = sliceTransform(config, dataset, compute.device);
  using store = new SliceStore(dataset, transform);
  using model = createSliceModel(config.slice, task.classes.count, transform.size);
  const isBegun = resume && existsSync(runPaths(run).state("slice"));
  if (config.checkpoint !== null && !isBegun)
    recordStart(run, "checkpoint", config.checkpoint, loadWeights(model, config.checkpoint));
  if (pretrained !== null) recordStart(run, "slice.pretrained", pretrained, loadTrunk(model, pretrained));
  model.to({ device: compute.device, ...(compute.bfloat16 ? { memoryFormat: "channels_last" } : {}) });
  return trainStage(sliceStage({ config, task, store, model, compute, metadata: { split: split.hash } }), stageRun);
}

/** Kept with the run: which file it started from, and how that was read. */
function recordStart(run: string, key: string, file: string, { hash, notes }: Loaded): void {
  const record = readRecord(run);
  const value = [`${basename(file)}, SHA-256 ${hash}.`, ...notes].join(" ");
  writeRecord(run, { ...record, environment: { ...record.environment, [key]: value } });
}

function runVolumeStage({ config, dataset, split, task }: OpenRun, stageRun: StageRun): StageResult {
  const { compute, job, run } = stageRun;
  const transform = sliceTransform(config, dataset, compute.device);
  return scope(() => {
    using store = new SliceStore(dataset, transform);
    using model = createSliceModel(config.slice, task.classes.count, transform.size);
    const { hash, metadata } = loadWeights(model, runPaths(run).best("slice"));
    refuseOtherSplit(run, metadata, split.hash);
    model.to({ device: compute.device });
    const source = { model, weightsHash: hash, store, datasetHash: dataset.info.hash };
    const [train, val] = [trainingVolumes(config, task), task.parts.val];
    const total = [...train, ...val].reduce((sum, { count }) => sum + count, 0);
    const before = train.reduce((sum, { count }) => sum + count, 0);
    const report = (start: number) => (done: number) =>
      job.report({ stage: "embeddings", done: start + done, total, unit: "slices" });
    const trainEmbeddings = volumeEmbeddings(source, train, { ...compute, onBatch: report(0) });
    const valEmbeddings = volumeEmbeddings(source, val, { ...compute, onBatch: report(before) });
    job.report({ stage: "embeddings", done: total, total, unit: "slices" });
    const slices = Math.max(...dataset.volumes.map(({ count }) => count));
    const classes = task.classes.count;
    using head = createHead(config.volume, { embedding: model.embedding, slices, classes });
    head.to({ device: compute.device });
    const stage = volumeStage({
      config,
      train: trainEmbeddings,
      subjects: train.map(({ subject }) => subject),
      val: valEmbeddings,
      head,
      slices,
      classes,
      metadata: { split: split.hash, slice_model: hash },
    });
    return trainStage(stage, stageRun);
  });
}

/** A slice model that saw another split may have been trained on what is validation here. */
function refuseOtherSplit(run: string, metadata: Record<string, string>, split: string): void {
  if (metadata.split === split) return;
  throw new RunError(
    runPaths(run).best("slice"),
    `was trained on split ${metadata.split?.slice(0, 12) ?? "unknown"}, this run has ${split.slice(0, 12)}`,
    "Train the slice stage on this split: its validation part may have been seen in training otherwise.",
  );
}

serveJob<TrainJob, TrainOutcome>(train);
