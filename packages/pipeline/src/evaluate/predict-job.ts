/** The job of `evaluate`: what the best models of a run say about val and test. */
import { stopIfAsked, type JobContext } from "../engine/job.js";
import type { Dataset } from "../data/store.js";
import type { TaskVolume } from "../data/task.js";
import { datasetSource } from "../input/source.js";
import { keepingHashes, loadFromRun, openModel } from "../predict/open-model.js";
import type { Evidence, Predictor } from "../predict/prediction.js";
import { predictorOf } from "../predict/predictor.js";
import { modelHash } from "../models/model-hash.js";
import { specOfRun } from "../models/spec-file.js";
import { planCompute, startCompute } from "../run/compute.js";
import { comparedVolumes, type Embedded } from "./familiarity.js";
import { measureCost, type MeasuredCost } from "./measure-cost.js";
import { predictionKeys, type Predictions } from "./predictions.js";
import { openTestPart, type OtherData } from "./test-part.js";

export interface PredictJob {
  run: string;
  /** Another data set to score; null = the run's own test part. */
  other: OtherData | null;
  parts: readonly ("val" | "test")[];
  /** Whether to count and time the main model too. */
  measure: boolean;
  /** Whether to embed training volumes too, which familiarity is measured by. */
  embed?: boolean;
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
  /** modelHash of the contract and the weights. */
  model: string;
  /** Of the volume models; the votes of the slices are made of `slices`. */
  predictions: Predictions[];
  /** None for 3D. */
  slices: SlicePredictions[];
  /** Of the last part that was asked for. */
  evidence: Evidence[];
  /** null where it was not asked for. */
  cost: MeasuredCost | null;
  /** null where it was not asked for, and in 3D. */
  embedded: Embedded | null;
}

interface Part {
  part: "val" | "test";
  dataset: Dataset;
  volumes: TaskVolume[];
}

export function job({ run, other, parts, measure, embed = false }: PredictJob, context: JobContext): PredictOutcome {
  const { opened, dataset, volumes } = openTestPart(run, other);
  const compute = planCompute(opened.config);
  startCompute(compute, opened.config.seed);
  const { load, hashes } = keepingHashes(loadFromRun(run, opened));
  using model = openModel(specOfRun(run, opened), load, compute.device);
  const outcome: PredictOutcome = {
    model: modelHash(model.spec, hashes),
    predictions: [],
    slices: [],
    evidence: [],
    cost: null,
    embedded: null,
  };
  const embedded: Embedded = { train: [], val: [], test: [] };
  const asked: Part[] = [
    { part: "val" as const, dataset: opened.dataset, volumes: opened.task.parts.val },
    { part: "test" as const, dataset, volumes },
  ].filter((one) => parts.includes(one.part) && one.volumes.length > 0);
  // Val and test are mostly of one data set, whose slices are then made for the model once.
  for (const data of new Set(asked.map((one) => one.dataset))) {
    using predictor = predictorOf(model, datasetSource(data), compute);
    for (const one of asked)
      if (one.dataset === data) embedded[one.part] = addPart(outcome, predictor, one, context) ?? [];
    if (embed && data === opened.dataset && opened.task.parts.train.length > 0) {
      const options = { contentHash: data.info.hash, onBatch: reporter(context, "train") };
      embedded.train = predictor.embed(comparedVolumes(opened.task.parts.train), options) ?? [];
    }
    const last = asked.at(-1)!;
    if (measure && last.dataset === data) outcome.cost = measureCost(model.spec, predictor, last.volumes, compute);
  }
  if (embedded.train.length > 0) outcome.embedded = embedded;
  return outcome;
}

/** @returns the embeddings of the part's volumes; null in 3D */
function addPart(outcome: PredictOutcome, predictor: Predictor, one: Part, context: JobContext): Float32Array[] | null {
  const { part, dataset, volumes } = one;
  const options = { contentHash: dataset.info.hash, onBatch: reporter(context, part) };
  const { models, slices, evidence, embeddings } = predictor.predict(volumes, options);
  const keys = predictionKeys(volumes);
  outcome.predictions.push(...models.map((each) => ({ ...each, part, ...keys })));
  if (slices !== null) outcome.slices.push({ part, ids: keys.ids, labels: keys.labels, ...slices });
  outcome.evidence = evidence;
  return embeddings;
}

const reporter = (context: JobContext, part: string) => (done: number, total: number, unit: string) => {
  stopIfAsked(context);
  context.report({ stage: "predict", done, total, unit, message: part });
};
