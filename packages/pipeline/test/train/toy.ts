/** The real training loop on stages so small that what it must do can be reckoned beside it. */
import { readFileSync } from "node:fs";
import { fromTypedArray, scope, tensor, type Tensor } from "@slicestack/torch";
import { Module, Parameter } from "@slicestack/torch/nn";
import type { JobContext } from "../../src/engine/job.js";
import { loadConfig } from "../../src/config/load.js";
import type { OptimisationConfig } from "../../src/config/types.js";
import { readSafetensors } from "../../src/weights/safetensors.js";
import { runPaths } from "../../src/run/folder.js";
import { trainStage, type StageResult, type StageRun } from "../../src/train/loop.js";
import { MetricsLog, type EpochRow } from "../../src/train/metrics-log.js";
import type { Stage, Validation } from "../../src/train/stage.js";
import { ofMethod } from "../config/of-method.js";
import { newestState } from "./support.js";

/** Settings of a stage with one step an epoch, at rate 0.1, and the keys given. */
export function settings(overrides: Record<string, string> = {}): OptimisationConfig {
  const plain = {
    epochs: "6",
    batch_size: "4",
    learning_rate: "0.1",
    schedule: "constant",
    optimizer: "sgd",
    momentum: "0",
  };
  const keys = Object.entries({ ...plain, ...overrides }).map(([key, value]): [string, string] => [
    `head.${key}`,
    value,
  ]);
  return ofMethod(loadConfig({ overrides: Object.fromEntries(keys) }), "2.5d").head;
}

/** One number w. */
export class Point extends Module {
  readonly w: Parameter;
  constructor(start: number) {
    super();
    this.w = new Parameter(tensor([start]));
  }
}

/** Loss of an item x: (w - x)² / 2, so that a batch's gradient is w minus its mean. Its epochs have one batch, of all items. */
export function pointStage(
  config: OptimisationConfig,
  items: readonly number[],
  valLosses: readonly number[] = [],
): Stage<number, Tensor> & { model: Point; seen: number[] } {
  const model = new Point(1);
  const seen: number[] = [];
  return {
    name: "volume",
    model,
    config,
    metadata: {},
    seen,
    batches: () => [[...items]],
    input: (batch) => fromTypedArray(Float32Array.from(batch), [batch.length]),
    loss: (input, { first, count }) =>
      model.w
        .sub(input.narrow(0, first, count))
        .pow(2)
        .div(2)
        .mean(),
    mass: (_, { count }) => count,
    validate: () => {
      seen.push(scope(() => model.w.item()));
      return validationOf(valLosses[seen.length - 1] ?? 1);
    },
  };
}

/** The smaller the loss, the better by every score. */
export const validationOf = (loss: number): Validation => ({
  labels: [],
  probabilities: [],
  classes: 2,
  loss,
  accuracy: 1 - loss / 100,
  balancedAccuracy: 1 - loss / 100,
  macroF1: 1 - loss / 100,
  auroc: NaN,
  quadraticKappa: NaN,
});

export interface ToyRun {
  result: StageResult;
  lines: string[];
  rows: EpochRow[];
}

/** Runs the loop here, without a worker. */
export function runStageHere<T, I>(
  stage: Stage<T, I>,
  run: string,
  options: Partial<StageRun> & { stopping?: () => boolean } = {},
): ToyRun {
  const lines: string[] = [];
  const { stopping = () => false, ...rest } = options;
  const job: JobContext = {
    report: () => undefined,
    log: (line) => lines.push(line),
    event: () => undefined,
    stopping,
  };
  using log = new MetricsLog(run);
  const compute = { device: "cpu", bfloat16: false };
  const result = trainStage(stage, { run, resume: false, log, compute, job, keepStates: true, ...rest });
  const rows = readFileSync(runPaths(run).metrics, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as EpochRow);
  return { result, lines, rows };
}

/** A value of the weights that a run kept: the best, or those of its newest state. */
export function kept(run: string, which: "best" | "last", name = "w"): number {
  const [file, key] =
    which === "best" ? [runPaths(run).best("volume"), name] : [newestState(run, "volume"), `model.${name}`];
  return scope(() => readSafetensors(file).tensors.get(key)!.item());
}
