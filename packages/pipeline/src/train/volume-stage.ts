/** Stage two: a light head on the stacked embeddings of the frozen slice model. */
import { scope } from "@slicestack/torch";
import { ConfigError } from "../config/errors.js";
import type { RunConfig } from "../config/types.js";
import { Random } from "../data/random.js";
import { batchesOf, epochOrder } from "../data/sampler.js";
import type { Head } from "../models/heads/head.js";
import type { StackedEmbeddings } from "../models/embeddings.js";
import { predictVolumes, stackVolumes, type StackedVolume } from "../models/predict.js";
import type { Stage } from "./loop.js";
import { configuredWeights, weightTensor } from "./losses/class-weights.js";
import { createCriterion } from "./losses/criterion.js";
import { labelTensor } from "./losses/targets.js";
import { validationScores } from "./scores.js";

type LabelledStack = StackedVolume & { label: number; subject: string };

export interface VolumeStageOptions {
  config: RunConfig;
  train: StackedEmbeddings;
  /** Of each training volume. */
  subjects: readonly string[];
  val: StackedEmbeddings;
  head: Head;
  /** Slices of the deepest volume of the data set. */
  slices: number;
  classes: number;
  metadata: Record<string, string>;
}

export function volumeStage({
  config,
  train,
  subjects,
  val,
  head,
  slices,
  classes,
  metadata,
}: VolumeStageOptions): Stage<LabelledStack> {
  const { volume, seed } = config;
  const random = new Random(seed).fork("volume stage");
  const volumes = train.volumes.map((each, k): LabelledStack => ({ ...each, subject: subjects[k] ?? "" }));
  const criterion = createCriterion("volume", volume, classes);
  const weights = configuredWeights(volume, volumes.map(({ label }) => label), classes); // prettier-ignore
  return {
    name: "volume",
    model: head,
    config: volume,
    metadata,
    batches: (epoch) => {
      const { weightedSampler: weighted, subjectSampler: bySubject, batchSize } = volume;
      return batchesOf(epochOrder(volumes, { random: random.fork(`epoch ${epoch}`), weighted, bySubject }), batchSize);
    },
    loss: (batch) => {
      const { embedding_BSE, mask_BS } = stackVolumes(train.embedding_NE, batch, slices);
      const { logits_BK } = head.forward(embedding_BSE, mask_BS);
      const logits_BO = logits_BK.to({ dtype: "float32" });
      const target_B = labelTensor(batch, logits_BO.device);
      return criterion.loss(logits_BO, target_B, weightTensor(weights, logits_BO));
    },
    validate: () =>
      scope(() => {
        const { probabilities } = predictVolumes(head, val.embedding_NE, val.volumes, slices);
        return validationScores(
          val.volumes.map(({ label }) => label),
          probabilities,
          classes,
        );
      }),
  };
}

/** The flattening head has one weight a slice position, so all volumes need one depth. @throws ConfigError */
export function checkHeadFits(config: RunConfig, depths: readonly number[]): void {
  const [least, most] = [Math.min(...depths), Math.max(...depths)];
  if (config.volume.head !== "flatten" || least === most) return;
  throw new ConfigError([
    {
      key: "volume.head",
      message: `volume.head: flatten needs one depth, this data set has ${least} to ${most} slices; use attention, mean or max, or prepare it with --depth 64`,
    },
  ]);
}
