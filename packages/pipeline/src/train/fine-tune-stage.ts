/**
 * The optional third stage: trunk and head are trained together at a low learning rate.
 *
 * The slices of a volume do not fit into memory with their activations. Embeddings are therefore first computed without them, the
 * head gives its gradient with respect to the embeddings, and then slices are recomputed in chunks, each of which receives
 * its part of that gradient: gradient checkpointing at the narrowest point of the network. Chen, Xu, Zhang,
 * Guestrin: Training Deep Nets with Sublinear Memory Cost, 2016. The sum is the gradient of the whole, because the trunk
 * computes as in evaluation: its batch norm keeps the statistics of the slice stage, which chunks of one volume would distort.
 * N slices of all volumes of a batch, S slices of a volume, E embedding.
 */
import { cat, noGrad, scope, type Tensor } from "@slicestack/torch";
import { Random } from "@slicestack/stats";
import type { RunConfigOf } from "../config/types.js";
import { batchesOf, epochOrder, spreadOver } from "../data/sampler.js";
import type { Task, TaskVolume } from "../data/task.js";
import { augmentedStack } from "../predict/augmented-stack.js";
import type { Joint } from "../models/trunk-with-head.js";
import {
  embedSlices,
  predictVolumes,
  stackVolumes,
  type Compute,
  type StackedVolume,
} from "../predict/forward.js";
import type { SliceStore } from "../input/slices.js";
import { Objective } from "./losses/objective.js";
import { labelTensor } from "../models/losses/targets.js";
import { validationScores } from "./validation-scores.js";
import { trainingVolumes } from "./slice-stage.js";
import { trainLastLayers, trunkLayers } from "./trunk-layers.js";
import type { Piece, Stage } from "./stage.js";

interface JointInput {
  /** 0..1; all slices of a volume share one draw of the geometry. */
  unit_NCHW: Tensor;
  /** The position of each volume's slices. */
  volumes: StackedVolume[];
  target_B: Tensor;
}

export interface FineTuneOptions {
  config: RunConfigOf<"2.5d">;
  task: Task;
  store: SliceStore;
  model: Joint;
  /** The number of slices that the head sees of the deepest volume. */
  slices: number;
  compute: Compute;
  metadata: Record<string, string>;
}

export function fineTuneStage(options: FineTuneOptions): Stage<TaskVolume, JointInput> {
  const { config, task, store, model, slices, compute, metadata } = options;
  const { fineTune, seed, transform } = config;
  const { trunk, head } = model;
  const train = trainingVolumes(config, task);
  const random = new Random(seed).fork("fine-tune stage");
  const objective = new Objective(
    "head",
    config.head,
    train.map(({ label }) => label),
    task.classes.count,
  );
  const seen = (volume: TaskVolume) => spreadOver(store.slicesOf(volume), config.head.slices);

  const layers = trunkLayers(trunk);
  const { trunkRate, unfreeze } = fineTune;
  const groups = (learningRate: number) => [
    { parameters: layers.flat(), learningRate: learningRate * trunkRate },
    { parameters: head.parameters() },
  ];
  const isTrunkTrained = () => layers.some((layer) => layer.some(({ requiresGrad }) => requiresGrad));

  const embed = (unit_NCHW: Tensor) => {
    trunk.eval();
    return trunk.embed(store.normalise(unit_NCHW, trunk.channels)).to({ dtype: "float32" });
  };
  const headLoss = (embedding_NE: Tensor, { volumes, target_B }: JointInput, { first, count }: Piece) => {
    const { features_BS, mask_BS } = stackVolumes(embedding_NE, volumes.slice(first, first + count), slices);
    return objective.loss(head.forward(features_BS, mask_BS).logits_BK, target_B.narrow(0, first, count));
  };

  return {
    name: "fine_tune",
    model,
    config: fineTune,
    metadata,
    ...(trunkRate === 1 ? {} : { groups }),
    ...(unfreeze === 0
      ? {}
      : { chooseTrained: (epoch: number) => trainLastLayers(layers, unfreeze * epoch) }),
    batches: (epoch) => {
      const { weightedSampler: weighted, subjectSampler: bySubject, batchSize } = fineTune;
      return batchesOf(
        epochOrder(train, { random: random.fork(`epoch ${epoch}`), weighted, bySubject }),
        batchSize,
      );
    },
    input: (batch, epoch, step) => {
      const draws = random.fork(`augment ${epoch} ${step}`);
      const volumes: StackedVolume[] = [];
      let offset = 0;
      const stacks = batch.map((volume, k) => {
        const chosen = drawn(seen(volume), fineTune.slices, draws.fork(`slices ${k}`));
        volumes.push({ offset, count: chosen.length });
        offset += chosen.length;
        return augmentedStack(store, chosen, transform.augment, draws.fork(k));
      });
      return { unit_NCHW: cat(stacks), volumes, target_B: labelTensor(batch, compute.device) };
    },
    loss: (input, piece) => headLoss(embed(input.unit_NCHW), input, piece),
    mass: ({ target_B }, { first, count }) => scope(() => objective.mass(target_B.narrow(0, first, count))),
    backward: (input, piece, share) => {
      if (piece.count === 0) return 0; // no layer here waits for other processes, so that none has to run
      const volumesOfPiece = input.volumes.slice(piece.first, piece.first + piece.count);
      const [from, to] = [
        volumesOfPiece[0]?.offset ?? 0,
        (volumesOfPiece.at(-1)?.offset ?? 0) + (volumesOfPiece.at(-1)?.count ?? 0),
      ];
      const chunks = chunksOf(from, to, fineTune.chunk);
      const parts = noGrad(() =>
        chunks.map(({ first, count }) => scope(() => embed(input.unit_NCHW.narrow(0, first, count)))),
      );
      // Slices of other pieces are not read, but keep their positions.
      const [total = 0] = input.unit_NCHW.shape;
      const known_ME = cat(parts);
      const embedding_NE = known_ME
        .pad([0, 0, from, total - to])
        .detach()
        .requiresGrad_();
      const loss = headLoss(embedding_NE, input, piece);
      loss.mul(share).backward();
      if (!isTrunkTrained()) return loss.item(); // device sync
      const gradient_NE = embedding_NE.grad!;
      for (const { first, count } of chunks)
        scope(() =>
          embed(input.unit_NCHW.narrow(0, first, count)).backward({
            gradient: gradient_NE.narrow(0, first, count),
          }),
        );
      return loss.item(); // device sync
    },
    validate: () =>
      scope(() => {
        const { val } = task.parts;
        const chosen = val.map(seen);
        const embedding_NE = embedSlices(trunk, store, chosen.flat(), compute);
        let offset = 0;
        const volumes = chosen.map(({ length: count }) => ({ offset: (offset += count) - count, count }));
        const { probabilities } = predictVolumes(head, embedding_NE, volumes, slices);
        return validationScores(
          val.map(({ label }) => label),
          probabilities,
          task.classes.count,
        );
      }),
  };
}

/** So many slices of a volume, drawn, in slice order; all where it has no more. */
function drawn(slices: readonly number[], most: number | null, random: Random): number[] {
  if (most === null || slices.length <= most) return [...slices];
  const places = random.shuffle(Array.from(slices, (_, k) => k)).slice(0, most);
  return places.sort((a, b) => a - b).map((k) => slices[k]!);
}

function chunksOf(from: number, to: number, size: number): Piece[] {
  const chunks: Piece[] = [];
  for (let first = from; first < to; first += size) chunks.push({ first, count: Math.min(size, to - first) });
  return chunks;
}
