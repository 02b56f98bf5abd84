/** The training loop of both stages: epochs of batches, one optimiser step each, validation, best and last checkpoint. */
import { autocast, Scope, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { clipGradNorm } from "@slicestack/torch/optim";
import type { JobContext } from "../background.js";
import type { StageConfig } from "../config/types.js";
import type { Compute } from "../models/predict.js";
import type { StageName } from "../run/folder.js";
import { Checkpoints, type StageMemory, type StageState } from "./checkpoint.js";
import type { MetricsLog } from "./metrics-log.js";
import { createOptimizer, createSchedule } from "./optimisation.js";

/** Training that cannot go on: the loss is no longer a number. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}

export interface Validation {
  loss: number;
  balancedAccuracy: number;
  macroF1: number;
}

/** What differs between the slice stage and the volume stage. T is one item of a batch. */
export interface Stage<T> {
  name: StageName;
  model: Module;
  config: StageConfig;
  /** Batches of an epoch: a function of the epoch alone. */
  batches: (epoch: number) => T[][];
  /** Before an epoch's first step: a function of the model as it is; what it changes is kept in `memory`. */
  beginEpoch?: (epoch: number) => void;
  memory?: StageMemory | undefined;
  /** Loss of a batch, one value with gradient. */
  loss: (batch: T[], epoch: number, step: number) => Tensor;
  validate: () => Validation;
  /** Kept beside the weights. */
  metadata: Record<string, string>;
}

export interface StageRun {
  run: string;
  resume: boolean;
  log: MetricsLog;
  compute: Compute;
  job: JobContext;
}

export interface StageResult {
  status: "finished" | "stopped";
  best: number | undefined;
}

const fresh: StageState = {
  epoch: 0,
  step: 0,
  totalSteps: 0,
  lossSum: 0,
  lossCount: 0,
  seconds: 0,
  best: null,
  finished: false,
};

export function trainStage<T>(stage: Stage<T>, { run, resume, log, compute, job }: StageRun): StageResult {
  const { model, config, name } = stage;
  const checkpoints = new Checkpoints(run, name);
  using optimizer = createOptimizer(model.parameters(), config);
  const schedule = createSchedule(config, stage.batches(0).length);
  const parts = { model, optimizer, schedule, memory: stage.memory };
  const state: StageState = { ...((resume ? checkpoints.restore(parts) : undefined) ?? fresh) };
  log.rewind(name, state.epoch);

  for (; state.epoch < config.epochs && !state.finished; state.epoch++) {
    const batches = stage.batches(state.epoch);
    const started = performance.now();
    if (state.step === 0) stage.beginEpoch?.(state.epoch);
    model.train();
    for (; state.step < batches.length; state.step++) {
      if (job.stopping()) {
        state.seconds += (performance.now() - started) / 1000;
        checkpoints.save(state, parts);
        return { status: "stopped", best: state.best?.score };
      }
      using _step = new Scope();
      const batch = batches[state.step] ?? [];
      const loss = autocast({ device: compute.device, enabled: compute.bfloat16 }, () =>
        stage.loss(batch, state.epoch, state.step),
      );
      loss.backward();
      if (config.clipNorm !== null) clipGradNorm(model.parameters(), config.clipNorm); // device sync
      const value = finite(loss.item(), state, name); // device sync
      optimizer.step(schedule.learningRate(schedule.unit === "step" ? state.totalSteps : state.epoch));
      optimizer.zeroGrad();
      state.totalSteps++;
      state.lossSum += value * batch.length;
      state.lossCount += batch.length;
      job.report(progressOf(stage, state, batches.length));
    }
    const validation = stage.validate();
    schedule.observe(validation.loss);
    state.seconds += (performance.now() - started) / 1000;
    log.write(rowOf(name, state, validation, optimizer.learningRate));
    if (isBetter(validation, state.best)) {
      state.best = { epoch: state.epoch, score: validation.macroF1, loss: validation.loss };
      checkpoints.saveBest(model, {
        ...stage.metadata,
        epoch: String(state.epoch),
        val_macro_f1: String(validation.macroF1),
      });
    }
    const ended = state.epoch + 1 === config.epochs;
    checkpoints.save(
      { ...state, epoch: state.epoch + 1, step: 0, lossSum: 0, lossCount: 0, seconds: 0, finished: ended },
      parts,
    );
    Object.assign(state, { step: 0, lossSum: 0, lossCount: 0, seconds: 0 });
  }
  return { status: "finished", best: state.best?.score };
}

/** The published choice of an epoch, macro F1 on validation; equal ones by the lower loss. */
function isBetter({ macroF1, loss }: Validation, best: StageState["best"]): boolean {
  return best === null || macroF1 > best.score || (macroF1 === best.score && loss < best.loss);
}

function finite(loss: number, { epoch, step }: StageState, stage: StageName): number {
  if (Number.isFinite(loss)) return loss;
  throw new EngineError(
    `${stage} stage: the loss is ${loss} in epoch ${epoch + 1}, step ${step + 1}; the weights were not changed by this step. ` +
      `The checkpoint of the epoch before is whole: lower ${stage}.learning_rate, or set ${stage}.clip_norm, and train again.`,
  );
}

function rowOf(stage: StageName, state: StageState, validation: Validation, learningRate: number) {
  return {
    stage,
    epoch: state.epoch,
    step: state.totalSteps,
    train_loss: state.lossSum / Math.max(1, state.lossCount),
    val_loss: validation.loss,
    val_balanced_accuracy: validation.balancedAccuracy,
    val_macro_f1: validation.macroF1,
    learning_rate: learningRate,
    seconds: state.seconds,
  };
}

function progressOf<T>({ name, config }: Stage<T>, state: StageState, steps: number) {
  return {
    stage: `${name} stage`,
    done: state.epoch * steps + state.step + 1,
    total: config.epochs * steps,
    unit: "steps",
    message: `epoch ${state.epoch + 1}/${config.epochs}`,
    metrics: { loss: state.lossSum / state.lossCount, ...(state.best === null ? {} : { best_f1: state.best.score }) },
  };
}
