/** Trains on whole volumes: the 3D networks, and maps_3d on the maps of a frozen slice model. */
import { scope, type Tensor } from "@slicestack/torch";
import { Random } from "@slicestack/stats";
import { augmentVolumes } from "../augment/augment.js";
import type { RunConfigOf } from "../config/types.js";
import { batchesOf, epochOrder } from "../data/sampler.js";
import type { Task, TaskVolume } from "../data/task.js";
import { predictVoxels, type Compute } from "../predict/forward.js";
import type { VolumeStore } from "../input/volumes.js";
import type { VolumeModel } from "../models/networks/volume-model.js";
import { Objective } from "./losses/objective.js";
import { labelTensor } from "../models/losses/targets.js";
import { validationScores } from "./validation-scores.js";
import { trainingVolumes } from "./slice-stage.js";
import type { Stage } from "./stage.js";

interface VoxelInput {
  /** 0..1, augmented in three dimensions. */
  unit_B1HWD: Tensor;
  target_B: Tensor;
}

export interface VoxelStageOptions {
  config: RunConfigOf<"3d">;
  task: Task;
  store: VolumeStore;
  model: VolumeModel;
  compute: Compute;
  metadata: Record<string, string>;
}

export function voxelStage(options: VoxelStageOptions): Stage<TaskVolume, VoxelInput> {
  const { config, task, store, model, compute, metadata } = options;
  const { network, seed, transform } = config;
  const train = trainingVolumes(config, task);
  const random = new Random(seed).fork("voxel stage");
  const objective = new Objective(
    "network",
    network,
    train.map(({ label }) => label),
    task.classes.count,
  );
  return {
    name: "volume",
    model,
    config: network,
    metadata,
    batches: (epoch) => {
      const { weightedSampler: weighted, subjectSampler: bySubject, batchSize } = network;
      return batchesOf(
        epochOrder(train, { random: random.fork(`epoch ${epoch}`), weighted, bySubject }),
        batchSize,
      );
    },
    input: (batch, epoch, step) => {
      const air = store.transform.air as number;
      const spacing = batch.map((volume) => store.spacing(volume));
      const draws = random.fork(`augment ${epoch} ${step}`);
      const unit_B1HWD = augmentVolumes(store.wide(batch), transform.augment, draws, { air, spacing });
      return { unit_B1HWD, target_B: labelTensor(batch, compute.device) };
    },
    loss: ({ unit_B1HWD, target_B }, { first, count }) => {
      const logits_BO = model.forward(store.normalise(unit_B1HWD.narrow(0, first, count)));
      return objective.loss(logits_BO, target_B.narrow(0, first, count));
    },
    mass: ({ target_B }, { first, count }) => scope(() => objective.mass(target_B.narrow(0, first, count))),
    validate: () => {
      const { val } = task.parts;
      const { probabilities } = predictVoxels(model, store, val, { ...compute, batch: network.batchSize });
      return validationScores(
        val.map(({ label }) => label),
        probabilities,
        task.classes.count,
      );
    },
  };
}
