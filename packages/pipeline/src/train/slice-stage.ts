/** The first stage: a 2D CNN on single slices, each of which inherits the label of its volume. */
import { scope, type Tensor } from "@slicestack/torch";
import { worldSize } from "@slicestack/torch/distributed";
import { meanVote, Random } from "@slicestack/stats";
import { augmentSlices } from "../augment/augment.js";
import type { RunConfig, RunConfigOf } from "../config/types.js";
import { batchesOf, drawFromEach, epochOrder, spreadOver } from "../data/sampler.js";
import type { Task, TaskVolume } from "../data/task.js";
import { predictSlices, rowsOf, type Compute } from "../predict/forward.js";
import { leastSlices } from "../models/create-by-name.js";
import type { SliceStore } from "../input/slices.js";
import type { SliceModel } from "../models/trunks/slice-model.js";
import { mixes, mixSlices } from "./losses/mixing.js";
import { Objective } from "./losses/objective.js";
import { SliceLabels } from "./losses/slice-labels.js";
import { labelTensor, massOf } from "../models/losses/targets.js";
import { validationScores } from "./validation-scores.js";
import type { Stage, Validation } from "./stage.js";

interface Slice {
  /** Its number in the store. */
  index: number;
  label: number;
  subject: string;
}

interface SliceInput {
  /** 0..1, augmented and mixed. */
  unit_BCHW: Tensor;
  /** The classes, or the mass of each. */
  target: Tensor;
}

export interface SliceStageOptions {
  config: RunConfigOf<"2d" | "2.5d">;
  task: Task;
  store: SliceStore;
  model: SliceModel;
  compute: Compute;
  metadata: Record<string, string>;
}

/** The smallest batch: if batch norm only uses the part of each process, every process needs the minimum. */
export function leastBatch(
  { slice }: Pick<RunConfigOf<"2d" | "2.5d">, "slice">,
  size: readonly [number, number],
  processes: number,
) {
  const least = leastSlices(slice.model.name, size);
  return least === 1 || slice.syncBatchNorm ? least : least * processes;
}

export function sliceStage(options: SliceStageOptions): Stage<Slice, SliceInput> {
  const { config, task, store, model, compute, metadata } = options;
  const { slice, seed, transform } = config;
  const classes = task.classes.count;
  const train = trainingVolumes(config, task);
  const slicesOf = (volume: TaskVolume): Slice[] =>
    store.slicesOf(volume).map((index) => ({ index, label: volume.label, subject: volume.subject }));
  const groups = train.map(slicesOf);
  const random = new Random(seed).fork("slice stage");
  const objective = new Objective(
    "slice",
    slice,
    groups.flat().map(({ label }) => label),
    classes,
  );
  const leastOfBatch = Math.max(2, leastBatch(config, store.transform.size, worldSize()));
  const soft = slice.softLabels ? new SliceLabels(store.count, slice.softLabelFloor) : null;

  return {
    name: "slice",
    model,
    config: slice,
    metadata,
    leastItems: leastSlices(slice.model.name, store.transform.size),
    batches: (epoch) => {
      const draws = random.fork(`epoch ${epoch}`);
      const chosen = drawFromEach(groups, slice.slicesPerVolume, draws);
      const { weightedSampler: weighted, subjectSampler: bySubject, batchSize } = slice;
      return batchesOf(epochOrder(chosen, { random: draws, weighted, bySubject }), batchSize, leastOfBatch);
    },
    beginEpoch: (epoch) => {
      if (epoch < slice.softLabelWarmup) return;
      const classify = (slices: number[]) =>
        scope(() => rowsOf(predictSlices(model, store, slices, compute)));
      soft?.expect(train, (volume) => store.slicesOf(volume), classify);
    },
    memory: soft ?? undefined,
    input: (batch, epoch, step) => {
      const wide_BCHW = store.wide(batch.map(({ index }) => index));
      const shapes = { ...store.transform, pixels: batch.map(({ index }) => store.pixel(index)) };
      const unit_BCHW = augmentSlices(
        wide_BCHW,
        transform.augment,
        random.fork(`augment ${epoch} ${step}`),
        shapes,
      );
      const label_B = labelTensor(batch, compute.device);
      const simple = soft === null && !mixes(slice);
      const target = simple ? label_B : massOf(label_B, classes, unit_BCHW, soft?.of(batch));
      const mixed = mixSlices(unit_BCHW, target, slice, random.fork(`mix ${epoch} ${step}`));
      return { unit_BCHW: mixed.unit_BCHW, target: mixed.target_BK };
    },
    loss: ({ unit_BCHW, target }, { first, count }) => {
      const x_BCHW = store.normalise(unit_BCHW.narrow(0, first, count), model.channels);
      return objective.loss(model.forward(x_BCHW), target.narrow(0, first, count));
    },
    mass: ({ target }, { first, count }) => scope(() => objective.mass(target.narrow(0, first, count))),
    validate: () => validate(model, store, task, slice.slicesPerVolume, compute),
  };
}

/** With `overfit`, a small fixed subset with every class in turn, which shows whether the model can fit the data at all. */
export function trainingVolumes(
  { overfit }: Pick<RunConfig, "overfit">,
  { parts, classes }: Task,
): TaskVolume[] {
  if (!overfit) return parts.train;
  const nth = new Array<number>(classes.count).fill(0);
  const ranked = parts.train.map((volume) => ({ volume, turn: nth[volume.label]!++ }));
  const chosen = new Set(
    ranked
      .sort((a, b) => a.turn - b.turn)
      .slice(0, Math.max(8, classes.count))
      .map(({ volume }) => volume),
  );
  return parts.train.filter((volume) => chosen.has(volume));
}

/** Scores the volumes of val by the mean probability of their slices, using as many slices per volume as in training. */
function validate(
  model: SliceModel,
  store: SliceStore,
  { parts: { val }, classes }: Task,
  slicesPerVolume: number | null,
  compute: Compute,
): Validation {
  return scope(() => {
    const slices = val.map((volume) => spreadOver(store.slicesOf(volume), slicesPerVolume));
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
