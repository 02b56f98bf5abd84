/** The training loop of every stage: epochs of batches, one optimiser step each, validation, best and last checkpoint. */
import { OutOfMemoryError, Scope } from "@slicestack/torch";
import { worldSize } from "@slicestack/torch/distributed";
import { clipGradNorm } from "@slicestack/torch/optim";
import type { JobContext } from "../engine/job.js";
import type { Compute } from "../predict/forward.js";
import type { EpochReport } from "../engine/progress.js";
import { Checkpoints, freshState, type StageState } from "./checkpoint.js";
import { anyRank, fromFirstRank, shareModel } from "./distributed.js";
import { Ema } from "./ema.js";
import { finiteValidation, refuseNonFinite } from "./refuse-non-finite.js";
import { refuseMissingGradients } from "./missing-gradients.js";
import type { EpochRow, MetricsLog } from "./metrics-log.js";
import { createOptimizer, createSchedule } from "./optimisation.js";
import {
  isBetter,
  scoredEpoch,
  scoreOf,
  selectionWords,
  shownScore,
  type ScoredEpoch,
} from "./validation-scores.js";
import type { Stage } from "./stage.js";
import { backwardBatch, piecesOf } from "./step.js";

export interface StageRun {
  run: string;
  resume: boolean;
  log: MetricsLog;
  compute: Compute;
  job: JobContext;
  /** Between checkpoints within an epoch; default 600. */
  saveSeconds?: number | undefined;
  /** Whether a finished stage keeps its states to resume from; default false. */
  keepStates?: boolean | undefined;
}

export interface StageResult {
  status: "finished" | "stopped";
  best: number | undefined;
}

export function trainStage<T, I>(stage: Stage<T, I>, stageRun: StageRun): StageResult {
  const { run, resume, log, compute, job, saveSeconds = 600, keepStates = false } = stageRun;
  const { model, config, name } = stage;
  const checkpoints = new Checkpoints(run, name, { log: job.log, device: compute.device, keepStates });
  const trainable = model.parameters().filter(({ requiresGrad }) => requiresGrad);
  using optimizer = createOptimizer(stage.groups?.(config.learningRate) ?? trainable, config);
  using ema = config.ema > 0 ? new Ema(model, config.ema) : null;
  const schedule = createSchedule(config, stage.batches(0).length);
  const parts = { model, optimizer, schedule, memories: [stage.memory, ema] };
  const state: StageState = {
    ...((resume ? checkpoints.restore(parts) : undefined) ?? freshState(config.accumulate)),
  };
  if (ema !== null) ema.steps = state.totalSteps;
  log.rewind(name, state.epoch);
  shareModel(model);
  const averaged = <R>(body: () => R): R => (ema === null ? body() : ema.instead(body));

  for (; state.epoch < config.epochs && !state.finished; state.epoch++) {
    const batches = stage.batches(state.epoch);
    const clock = stopwatch();
    stage.chooseTrained?.(state.epoch);
    if (state.step === 0) stage.beginEpoch?.(state.epoch);
    model.train();
    while (state.step < batches.length) {
      if (anyRank(job.stopping())) {
        checkpoints.save({ ...state, seconds: state.seconds + clock.seconds() }, parts);
        return { status: "stopped", best: state.best?.score };
      }
      using _step = new Scope();
      const batch = batches[state.step]!;
      const input = stage.input(batch, state.epoch, state.step);
      const loss = inMemory(
        state,
        { items: batch.length, least: stage.leastItems },
        job,
        () => backwardBatch(stage, input, batch.length, state.pieces, compute),
        optimizer,
      );
      if (loss === null) continue; // the same batch again, in smaller pieces
      refuseMissingGradients(stage, state);
      const gradient = clipGradNorm(trainable, config.clipNorm); // device sync
      const pieces = piecesOf(batch.length, state.pieces, stage.leastItems);
      refuseNonFinite(
        { stage, input, pieces, compute },
        { loss, gradient, epoch: state.epoch, step: state.step },
      );
      optimizer.step(schedule.rate(state.totalSteps, state.epoch));
      optimizer.zeroGrad();
      ema?.update();
      state.step++;
      state.totalSteps++;
      state.lossSum += loss * batch.length;
      state.lossCount += batch.length;
      state.gradientSum += gradient;
      job.report(progressOf(stage, state, batches.length));
      if (clock.since() > saveSeconds)
        checkpoints.save({ ...state, seconds: state.seconds + clock.lap() }, parts);
    }
    shareModel(model); // without synchronisation, batch norm followed the items of each rank
    const scores = averaged(() => finiteValidation(stage, state.epoch));
    const validation = fromFirstRank(scoredEpoch(scores, config)); // all must choose alike
    schedule.observe(validation.loss);
    state.seconds += clock.seconds();
    const row = rowOf(name, state, validation, config.select.name, optimizer.learningRate);
    log.write(row);
    job.event(row);
    if (isBetter(validation, state.best, config.select.name)) {
      state.best = {
        epoch: state.epoch,
        score: scoreOf(validation, config.select.name),
        loss: validation.loss,
      };
      const facts = {
        epoch: String(state.epoch),
        selected_by: config.select.name,
        val_score: String(state.best.score),
      };
      averaged(() => checkpoints.saveBest(model, { ...stage.metadata, ...facts }));
    }
    if (state.best !== null)
      log.best(name, state.epoch, config.select.name, shownScore(state.best.score, config.select.name));
    job.report({
      ...progressOf(stage, state, batches.length),
      epoch: epochReport(stage, row, validation, state),
    });
    const waited = state.epoch - (state.best?.epoch ?? state.epoch);
    const ended =
      state.epoch + 1 === config.epochs || (config.patience !== null && waited >= config.patience);
    if (ended && state.epoch + 1 < config.epochs)
      job.log(
        `${name} stage: no better epoch for ${waited}; stopped after ${state.epoch + 1} of ${config.epochs}`,
      );
    const next = { step: 0, lossSum: 0, lossCount: 0, gradientSum: 0, seconds: 0, finished: ended };
    checkpoints.save({ ...state, ...next, epoch: state.epoch + 1 }, parts);
    Object.assign(state, next);
  }
  // Without epochs, the initial weights are saved, in case their source changes before a resume.
  if (config.epochs === 0 && !state.finished) {
    checkpoints.saveBest(model, { ...stage.metadata, epoch: "none" });
    checkpoints.save({ ...state, finished: true }, parts);
  }
  return { status: "finished", best: state.best?.score };
}

/**
 * Runs a step. If memory runs out, halves the size of the pieces of a batch, logs that, and returns null.
 * @throws OutOfMemoryError if the smallest piece does not fit, or other processes would wait forever
 */
function inMemory(
  state: StageState,
  { items, least = 1 }: { items: number; least: number | undefined },
  job: JobContext,
  body: () => number,
  optimizer: { zeroGrad(): void },
): number | null {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof OutOfMemoryError) || worldSize() > 1) throw error;
    const [before, after] = [state.pieces, 2 * state.pieces].map(
      (pieces) => piecesOf(items, pieces, least).length,
    ) as [number, number];
    if (after === before) throw error;
    optimizer.zeroGrad();
    state.pieces = after;
    const size = Math.ceil(items / after);
    job.log(`out of memory: batches of ${items} are now computed in ${after} pieces of at most ${size}`);
    return null;
  }
}

/** Measures the seconds since its creation and since its last lap. */
function stopwatch() {
  let [counted, last] = [0, performance.now()];
  const since = () => (performance.now() - last) / 1000;
  return {
    since,
    seconds: () => counted + since(),
    lap: () => {
      counted += since();
      last = performance.now();
      return counted;
    },
  };
}

function rowOf(
  stage: Stage<unknown, unknown>["name"],
  state: StageState,
  validation: ScoredEpoch,
  select: string,
  learningRate: number,
): EpochRow {
  return {
    stage,
    epoch: state.epoch,
    step: state.totalSteps,
    train_loss: state.lossSum / Math.max(1, state.lossCount),
    gradient_norm: state.gradientSum / Math.max(1, state.step),
    val_loss: validation.loss,
    val_accuracy: validation.accuracy,
    val_balanced_accuracy: validation.balancedAccuracy,
    val_macro_f1: validation.macroF1,
    val_auroc: validation.auroc,
    val_quadratic_kappa: validation.quadraticKappa,
    ...({ [`val_${select}`]: validation.selected } as Record<`val_${string}`, number>),
    learning_rate: learningRate,
    seconds: state.seconds,
  };
}

function progressOf<T, I>({ name, config }: Stage<T, I>, state: StageState, steps: number) {
  return {
    stage: `${name} stage`,
    done: state.epoch * steps + state.step,
    total: config.epochs * steps,
    unit: "steps",
    message: `epoch ${state.epoch + 1}/${config.epochs}`,
    epochs: config.epochs,
    metrics: {
      loss: state.lossSum / state.lossCount,
      ...(state.best === null
        ? {}
        : {
            [`best ${selectionWords(config.select.name)}`]: shownScore(state.best.score, config.select.name),
          }),
    },
  };
}

function epochReport<T, I>(
  { name, config }: Stage<T, I>,
  row: EpochRow,
  validation: ScoredEpoch,
  { best }: StageState,
): EpochReport {
  const score = validation.selected;
  return {
    stage: name,
    epoch: row.epoch + 1,
    epochs: config.epochs,
    trainLoss: row.train_loss,
    valLoss: row.val_loss,
    metric: selectionWords(config.select.name),
    score,
    best:
      best === null
        ? { epoch: row.epoch + 1, score }
        : { epoch: best.epoch + 1, score: shownScore(best.score, config.select.name) },
    learningRate: row.learning_rate,
    seconds: row.seconds,
  };
}
