/** The second stage: a small head on the stacked embeddings (or maps) of the frozen slice model. */
import { cat, scope, type Tensor } from "@slicestack/torch";
import { Random } from "@slicestack/stats";
import { plannedName } from "../config/components.js";
import { ConfigError } from "../config/errors.js";
import type { RunConfig, RunConfigOf } from "../config/types.js";
import type { Dataset } from "../data/store.js";
import { batchesOf, epochOrder } from "../data/sampler.js";
import type { TaskVolume } from "../data/task.js";
import type { Features } from "../predict/features.js";
import { componentOf } from "../models/component.js";
import type { Head } from "../models/heads/head.js";
import { predictVolumes, stackVolumes, type StackedVolume } from "../predict/forward.js";
import { Objective } from "./losses/objective.js";
import { labelTensor } from "../models/losses/targets.js";
import { validationScores } from "./validation-scores.js";
import type { Stage } from "./stage.js";

type LabelledVolume = Pick<TaskVolume, "label" | "subject">;
type LabelledStack = StackedVolume & LabelledVolume;

interface FeatureInput {
  /** embedding_BSE or maps_BSFhw */
  features_BS: Tensor;
  /** True where a slice exists. */
  mask_BS: Tensor;
  target_B: Tensor;
}

export interface VolumeStageOptions {
  config: RunConfigOf<"2.5d">;
  /** The volumes without augmentation and in each view, if there are views: an epoch draws one of them for each volume. */
  train: { volumes: readonly LabelledVolume[]; views: readonly Features[] };
  val: { volumes: readonly LabelledVolume[]; features: Features };
  head: Head;
  /** Slices of the deepest volume that the head sees. */
  slices: number;
  classes: number;
  device: string;
  metadata: Record<string, string>;
}

export function volumeStage(options: VolumeStageOptions): Stage<LabelledStack, FeatureInput> {
  const { config, train, val, head, slices, classes, device, metadata } = options;
  const { head: settings, seed } = config;
  const random = new Random(seed).fork("volume stage");
  const stacks = train.views[0]!.volumes;
  const volumes = train.volumes.map(({ label, subject }, k): LabelledStack => ({
    ...stacks[k]!,
    label,
    subject,
  }));
  const objective = new Objective(
    "head",
    settings,
    volumes.map(({ label }) => label),
    classes,
  );
  return {
    name: "volume",
    model: head,
    config: settings,
    metadata,
    batches: (epoch) => {
      const { weightedSampler: weighted, subjectSampler: bySubject, batchSize } = settings;
      return batchesOf(
        epochOrder(volumes, { random: random.fork(`epoch ${epoch}`), weighted, bySubject }),
        batchSize,
      );
    },
    input: (batch, epoch, step) => ({
      ...stackViews(train.views, batch, slices, device, random.fork(`views ${epoch} ${step}`)),
      target_B: labelTensor(batch, device),
    }),
    loss: ({ features_BS, mask_BS, target_B }, { first, count }) => {
      const { logits_BK } = head.forward(
        features_BS.narrow(0, first, count),
        mask_BS.narrow(0, first, count),
      );
      return objective.loss(logits_BK, target_B.narrow(0, first, count));
    },
    mass: ({ target_B }, { first, count }) => scope(() => objective.mass(target_B.narrow(0, first, count))),
    validate: () =>
      scope(() => {
        const { features_N, volumes: stacked } = val.features;
        const { probabilities } = predictVolumes(head, features_N, stacked, slices, device);
        return validationScores(
          val.volumes.map(({ label }) => label),
          probabilities,
          classes,
        );
      }),
  };
}

/** A batch of volumes, each in a randomly drawn view. */
function stackViews(
  views: readonly Features[],
  batch: readonly LabelledStack[],
  slices: number,
  device: string,
  random: Random,
) {
  if (views.length === 1) return stackVolumes(views[0]!.features_N, batch, slices, device);
  const drawn = batch.map((volume) => stackVolumes(random.pick(views).features_N, [volume], slices, device));
  return {
    features_BS: cat(drawn.map(({ features_BS }) => features_BS)),
    mask_BS: cat(drawn.map(({ mask_BS }) => mask_BS)),
  };
}

/** A head with weights for each slice position needs the same depth in all volumes. @throws ConfigError */
export function checkHeadFits(config: RunConfig, { volumes }: Pick<Dataset, "volumes">): void {
  if (config.method !== "2.5d") return;
  const { slices, model } = config.head;
  const seen = volumes.map(({ count }) => Math.min(count, slices ?? count));
  const [least, most] = [Math.min(...seen), Math.max(...seen)];
  if (componentOf("head", model.name).needsOneDepth !== true || least === most) return;
  const other = plannedName("head", "volumes of several depths");
  throw new ConfigError([
    {
      key: "head.model",
      message: `head.model: ${model.name} needs the same depth in all volumes, this data set has ${least} to ${most} slices; choose another head, e.g. ${other}, set head.slices to ${least}, or prepare it with --depth 64`,
    },
  ]);
}
