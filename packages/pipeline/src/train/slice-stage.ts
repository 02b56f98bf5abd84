/** Stage one: a 2D CNN on single slices; each slice inherits the label of its volume. */
import { fromTypedArray, functional as F, scope, type Tensor } from "@slicestack/torch";
import type { RunConfig } from "../config/types.js";
import { augmentSlices } from "../augment/augment.js";
import { Random } from "../data/random.js";
import { batchesOf, drawFromEach, epochOrder, spreadOver } from "../data/sampler.js";
import { sliceIndices, type Task, type TaskVolume } from "../data/task.js";
import { meanVote } from "../evaluate/vote.js";
import { predictSlices, rowsOf, type Compute } from "../models/predict.js";
import type { SliceStore } from "../models/slice-input.js";
import type { SliceModel } from "../models/slice-model.js";
import type { Stage, Validation } from "./loop.js";
import { classWeights } from "./optimisation.js";
import { validationScores } from "./scores.js";

interface Slice {
  /** Row of slices.npy. */
  index: number;
  label: number;
}

export interface SliceStageOptions {
  config: RunConfig;
  task: Task;
  store: SliceStore;
  model: SliceModel;
  compute: Compute;
  metadata: Record<string, string>;
}

export function sliceStage({ config, task, store, model, compute, metadata }: SliceStageOptions): Stage<Slice> {
  const { slice, seed, transform } = config;
  const { count: classes } = task.classes;
  const train = trainingVolumes(config, task);
  const slicesOf = (volume: TaskVolume): Slice[] =>
    sliceIndices(volume).map((index) => ({ index, label: volume.label }));
  const groups = train.map(slicesOf);
  const random = new Random(seed).fork("slice stage");
  const weights = slice.weightedLoss
    ? classWeights(
        groups.flat().map(({ label }) => label),
        classes,
      )
    : null;

  return {
    name: "slice",
    model,
    config: slice,
    metadata,
    batches: (epoch) => {
      const draws = random.fork(`epoch ${epoch}`);
      const chosen = drawFromEach(groups, slice.slicesPerVolume, draws);
      return batchesOf(epochOrder(chosen, { random: draws, weighted: slice.weightedSampler }), slice.batchSize);
    },
    loss: (batch, epoch, step) => {
      const wide_BCHW = store.wide(batch.map(({ index }) => index));
      const unit_BCHW = augmentSlices(wide_BCHW, transform.augment, random.fork(`augment ${epoch} ${step}`));
      const logits_BK = model.forward(store.normalise(unit_BCHW, model.channels)).to({ dtype: "float32" });
      return crossEntropy(logits_BK, batch, weights, slice.labelSmoothing);
    },
    validate: () => validate(model, store, task, slice.slicesPerVolume, compute),
  };
}

/** A small fixed subset under `overfit`, to see that the model can fit at all. */
export function trainingVolumes({ overfit }: Pick<RunConfig, "overfit">, { parts }: Task): TaskVolume[] {
  return overfit ? parts.train.slice(0, 8) : parts.train;
}

/** Cross entropy of a batch, on the device of the logits. */
export function crossEntropy(
  logits_BK: Tensor,
  batch: readonly { label: number }[],
  weights: number[] | null,
  labelSmoothing: number,
): Tensor {
  const { device } = logits_BK;
  const target_B = fromTypedArray(
    BigInt64Array.from(batch, ({ label }) => BigInt(label)),
    [batch.length],
    { device },
  );
  const weight_K = weights === null ? null : fromTypedArray(Float32Array.from(weights), [weights.length], { device });
  return F.crossEntropy(logits_BK, target_B, { weight: weight_K, labelSmoothing });
}

/** Volumes of val by the mean probability of their slices, of which an epoch looks at as many as it trains on. */
function validate(
  model: SliceModel,
  store: SliceStore,
  { parts: { val }, classes }: Task,
  slicesPerVolume: number | null,
  compute: Compute,
): Validation {
  return scope(() => {
    const slices = val.map((volume) => spreadOver(sliceIndices(volume), slicesPerVolume));
    const rows = rowsOf(predictSlices(model, store, slices.flat(), compute));
    let next = 0;
    const votes = slices.map(({ length }) => meanVote(rows.slice(next, (next += length))));
    return validationScores(
      val.map(({ label }) => label),
      votes,
      classes.count,
    );
  });
}
