/** The job of `evaluate`: the predictions of a run's best models on val and test. */
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
import type { OtherData } from "./matched-volumes.js";
import { openTestPart } from "./test-part.js";

export interface PredictJob {
  run: string;
  /** Another data set to score; null = the run's test part. */
  other: OtherData | null;
  parts: readonly ("val" | "test")[];
  /** Whether to measure the cost of the main model, too. */
  measure: boolean;
  /** Whether to embed training volumes, too, from which familiarity is computed. */
  embed?: boolean;
}

/** The slice model's predictions for the slices of a part, volume after volume. */
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
  /** Of the volume models; votes are computed from `slices`. */
  predictions: Predictions[];
  /** Empty for 3D. */
  slices: SlicePredictions[];
  /** Of the last requested part. */
  evidence: Evidence[];
  /** null if it was not requested. */
  cost: MeasuredCost | null;
  /** null if it was not requested, and in 3D. */
  embedded: Embedded | null;
}

interface ScoredVolumes {
  part: "val" | "test";
  dataset: Dataset;
  volumes: TaskVolume[];
}

export function job(
  { run, other, parts, measure, embed = false }: PredictJob,
  context: JobContext,
): PredictOutcome {
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
  const requested: ScoredVolumes[] = [
    { part: "val" as const, dataset: opened.dataset, volumes: opened.task.parts.val },
    { part: "test" as const, dataset, volumes },
  ].filter((scored) => parts.includes(scored.part) && scored.volumes.length > 0);
  // Val and test usually are of one data set, whose slices are then transformed once.
  for (const data of new Set(requested.map((scored) => scored.dataset))) {
    using predictor = predictorOf(model, datasetSource(data), compute);
    for (const scored of requested)
      if (scored.dataset === data) embedded[scored.part] = addPart(outcome, predictor, scored, context) ?? [];
    if (embed && data === opened.dataset && opened.task.parts.train.length > 0) {
      const options = { contentHash: data.info.hash, onBatch: reporter(context, "train") };
      embedded.train = predictor.embed(comparedVolumes(opened.task.parts.train), options) ?? [];
    }
    const last = requested.at(-1)!;
    if (measure && last.dataset === data)
      outcome.cost = measureCost(model.spec, predictor, last.volumes, compute);
  }
  if (embedded.train.length > 0) outcome.embedded = embedded;
  return outcome;
}

/** @returns the embeddings of the part's volumes; null in 3D */
function addPart(
  outcome: PredictOutcome,
  predictor: Predictor,
  scored: ScoredVolumes,
  context: JobContext,
): Float32Array[] | null {
  const { part, dataset, volumes } = scored;
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
