/** The job of `evaluate`: what the best models of a run say about val and test. */
import { stopIfAsked, type JobContext } from "../engine/job.js";
import type { Dataset } from "../data/store.js";
import type { TaskVolume } from "../data/task.js";
import { datasetSource } from "../input/source.js";
import { loadFromRun, openModel } from "../predict/open-model.js";
import type { Evidence, Predictor } from "../predict/prediction.js";
import { predictorOf } from "../predict/predictor.js";
import { specOfRun } from "../models/spec-file.js";
import { planCompute, startCompute } from "../run/compute.js";
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

export function job({ run, other, parts, measure }: PredictJob, context: JobContext): PredictOutcome {
  const { opened, dataset, volumes } = openTestPart(run, other);
  const compute = planCompute(opened.config);
  startCompute(compute, opened.config.seed);
  using model = openModel(specOfRun(run, opened), loadFromRun(run, opened), compute.device);
  const outcome: PredictOutcome = { predictions: [], slices: [], evidence: [], cost: null };
  const asked: Part[] = [
    { part: "val" as const, dataset: opened.dataset, volumes: opened.task.parts.val },
    { part: "test" as const, dataset, volumes },
  ].filter((one) => parts.includes(one.part) && one.volumes.length > 0);
  // Val and test are mostly of one data set, whose slices are then made for the model once.
  for (const data of new Set(asked.map((one) => one.dataset))) {
    using predictor = predictorOf(model, datasetSource(data), compute);
    for (const one of asked) if (one.dataset === data) addPart(outcome, predictor, one, context);
    const last = asked.at(-1)!;
    if (measure && last.dataset === data) outcome.cost = measureCost(model.spec, predictor, last.volumes, compute);
  }
  return outcome;
}

function addPart(outcome: PredictOutcome, predictor: Predictor, one: Part, context: JobContext): void {
  const { part, dataset, volumes } = one;
  const onBatch = (done: number, total: number, unit: string) => {
    stopIfAsked(context);
    context.report({ stage: "predict", done, total, unit, message: part });
  };
  const { models, slices, evidence } = predictor.predict(volumes, { contentHash: dataset.info.hash, onBatch });
  const keys = predictionKeys(volumes);
  outcome.predictions.push(...models.map((each) => ({ ...each, part, ...keys })));
  if (slices !== null) outcome.slices.push({ part, ids: keys.ids, labels: keys.labels, ...slices });
  outcome.evidence = evidence;
}
