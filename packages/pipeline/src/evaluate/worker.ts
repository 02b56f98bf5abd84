/** The worker thread of `evaluate`: what the best models of a run say about val and test. */
import { fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import { serveJob, stopIfAsked, type JobContext } from "../background.js";
import { stagesOf } from "../config/stages.js";
import type { Dataset } from "../data/store.js";
import type { TaskVolume } from "../data/task.js";
import { volumeEmbeddings, volumeMaps, type FeatureSource } from "../models/features.js";
import { Joint } from "../models/joint.js";
import { headOf, headSlices, seenSlices, sliceModelOf, trunkOf, volumeModelOf } from "../models/of-config.js";
import { classifyEmbeddings, predictVolumes, predictVoxels, type StackedVolume } from "../models/predict.js";
import type { Head } from "../models/heads/head.js";
import type { SliceStore } from "../models/slice-input.js";
import { planCompute, startCompute, type ComputePlan } from "../run/compute.js";
import { RunError } from "../run/folder.js";
import { loadBest } from "../run/load-trained.js";
import type { Evidence } from "./analysis/failures.js";
import { measureCost, type MeasuredCost } from "./measure-cost.js";
import type { OpenRun } from "../run/open.js";
import { openTestPart, type OtherData } from "./test-part.js";
import { predictionKeys, type Predictions } from "./predictions.js";

export interface PredictJob {
  run: string;
  /** Another data set to score; null = the run's own test part. */
  other: OtherData | null;
  parts: readonly ("val" | "test")[];
  /** Whether to count and time the main model too. */
  measure: boolean;
}

/** What the slice model says about the slices of a part, volume after volume. */
export interface SlicePredictions {
  part: "val" | "test";
  ids: string[];
  labels: number[];
  /** Slices of each volume. */
  counts: number[];
  /** slices x classes */
  probabilities: Float32Array;
}

export interface PredictOutcome {
  /** Of the volume models; the votes of the slices are made of `slices`. */
  predictions: Predictions[];
  /** None for 3D. */
  slices: SlicePredictions[];
  /** Of the last part that was asked for. */
  evidence: Evidence[];
  /** null where it was not asked for. */
  cost: MeasuredCost | null;
}

interface Part {
  part: "val" | "test";
  dataset: Dataset;
  volumes: TaskVolume[];
}

type Found = Omit<PredictOutcome, "cost">;

function predict({ run, other, parts, measure }: PredictJob, job: JobContext): PredictOutcome {
  const { opened, dataset, volumes } = openTestPart(run, other);
  const compute = planCompute(opened.config);
  startCompute(compute, opened.config.seed);
  const outcome: Found = { predictions: [], slices: [], evidence: [] };
  const asked: Part[] = [
    { part: "val" as const, dataset: opened.dataset, volumes: opened.task.parts.val },
    { part: "test" as const, dataset, volumes },
  ].filter((one) => parts.includes(one.part) && one.volumes.length > 0);
  for (const one of asked) {
    const onBatch = progressOf(one, job);
    const found = scope(() =>
      opened.config.method === "3d"
        ? byVoxels(opened, run, one, compute, onBatch)
        : bySlices(opened, run, one, compute, onBatch),
    );
    outcome.predictions.push(...found.predictions);
    outcome.slices.push(...found.slices);
    outcome.evidence = found.evidence;
  }
  return { ...outcome, cost: measure ? measureCost(opened, run, asked.at(-1)!, compute) : null };
}

/** Reports, and ends where the caller has asked for it. */
function progressOf({ part }: Part, job: JobContext) {
  return (done: number, total: number, unit: string) => {
    stopIfAsked(job);
    job.report({ stage: "predict", done, total, unit, message: part });
  };
}
type OnBatch = ReturnType<typeof progressOf>;

function byVoxels(
  opened: OpenRun,
  run: string,
  { part, dataset, volumes }: Part,
  compute: ComputePlan,
  onBatch: OnBatch,
): Found {
  const made = volumeModelOf(opened, compute.device, dataset);
  using store = made.store;
  using model = made.model;
  loadBest(opened, run, { stage: "volume", model });
  model.to({ device: compute.device });
  const { batchSize: batch } = opened.config.volume;
  const report = (done: number) => onBatch(done, volumes.length, "volumes");
  const { probabilities } = predictVoxels(model, store, volumes, { ...compute, batch, onBatch: report });
  const predictions = [{ model: "3d", part, ...predictionKeys(volumes), probabilities }];
  return { predictions, slices: [], evidence: volumes.map(({ id }) => ({ id, weights: null, places: [] })) };
}

function bySlices(opened: OpenRun, run: string, one: Part, compute: ComputePlan, onBatch: OnBatch): Found {
  const { part, dataset, volumes } = one;
  const stages = stagesOf(opened.config);
  if (stages.includes("volume")) checkDepths(opened, run, one);
  const made = sliceModelOf(opened, compute.device, dataset);
  using store = made.store;
  using model = made.model;
  const { hash } = loadBest(opened, run, { stage: "slice", model });
  model.to({ device: compute.device });
  const source: FeatureSource = { model, weightsHash: hash, store, datasetHash: dataset.info.hash };
  const total = volumes.reduce((sum, volume) => sum + store.slicesOf(volume).length, 0);
  const options = { ...compute, onBatch: (done: number) => onBatch(done, total, "slices") };
  const all = volumeEmbeddings(source, volumes, options);
  const classified = classifyEmbeddings(model, all.features_N, compute).toTypedArray() as Float32Array;
  const keys = predictionKeys(volumes);
  const slices = {
    part,
    ids: keys.ids,
    labels: keys.labels,
    counts: all.volumes.map(({ count }) => count),
    probabilities: Float32Array.from(classified),
  };
  const evidence = volumes.map((volume): Evidence => {
    const places = seenSlices(opened, store, volume).map((slice) => store.placeOf(volume, slice));
    return { id: volume.id, weights: null, places };
  });
  const found: Found = { predictions: [], slices: [slices], evidence };
  if (!stages.includes("volume")) return found;

  const most = headSlices(opened, dataset);
  const add = (name: string, head: Head, features: { features_N: Tensor; volumes: StackedVolume[] }) => {
    const { probabilities, sliceWeights } = predictVolumes(head, features.features_N, features.volumes, Math.max(most, headSlices(opened)), compute.device); // prettier-ignore
    found.predictions.push({ model: name, part, ...keys, probabilities });
    evidence.forEach((each, k) => (each.weights = sliceWeights?.[k] ?? null));
  };
  const isTuned = stages.includes("fine_tune");
  using head = headOf(opened, model);
  loadBest(opened, run, { stage: "volume", model: head, sliceModel: hash });
  head.to({ device: compute.device });
  const sampled = { ...source, slices: opened.config.volume.slices };
  const features =
    opened.config.volume.head === "maps_3d"
      ? volumeMaps(sampled, volumes, options)
      : rowsSeen(opened, store, volumes, all);
  add(isTuned ? "2.5d_frozen" : "2.5d", head, features);
  if (!isTuned) return found;

  const trunk = trunkOf(opened);
  using joint = new Joint({ trunk, head: headOf(opened, trunk) });
  const { hash: tunedHash } = loadBest(opened, run, { stage: "fine_tune", model: joint, sliceModel: hash });
  joint.to({ device: compute.device });
  const again = { ...sampled, model: joint.trunk, weightsHash: tunedHash };
  add("2.5d", joint.head, volumeEmbeddings(again, volumes, options));
  return found;
}

/** The embeddings that the head sees, of those of all slices. */
function rowsSeen(
  opened: OpenRun,
  store: SliceStore,
  volumes: readonly TaskVolume[],
  all: { features_N: Tensor; volumes: StackedVolume[] },
): { features_N: Tensor; volumes: StackedVolume[] } {
  if (opened.config.volume.slices === null) return all;
  const rows: number[] = [];
  const placed = volumes.map((volume, k) => {
    const own = store.slicesOf(volume);
    const places = new Map(own.map((slice, place) => [slice, place]));
    const seen = seenSlices(opened, store, volume);
    const offset = rows.length;
    rows.push(...seen.map((slice) => all.volumes[k]!.offset + places.get(slice)!));
    return { offset, count: seen.length };
  });
  const index = fromTypedArray(BigInt64Array.from(rows, BigInt), [rows.length], { device: all.features_N.device });
  return { features_N: all.features_N.indexSelect(0, index), volumes: placed };
}

/** The flattening head has a weight for each place of a slice. */
function checkDepths(opened: OpenRun, run: string, { dataset, volumes }: Part): void {
  const slices = headSlices(opened);
  const depths = volumes.map((volume) => headSlices(opened, { ...dataset, volumes: [volume] }));
  if (opened.config.volume.head !== "flatten" || depths.every((depth) => depth === slices)) return;
  throw new RunError(
    run,
    `has a flatten head for ${slices} slices, ${dataset.directory} has up to ${Math.max(...depths)}`,
    `Prepare it with --depth ${slices}.`,
  );
}

serveJob<PredictJob, PredictOutcome>(predict);
