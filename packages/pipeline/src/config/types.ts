import type { AugmentConfig } from "./augment.js";

/** The settings of a run, complete and checked. Files and flags spell the same keys in snake_case (docs/reference/config.md). */
export interface RunConfig {
  name: string;
  seed: number;
  /** "auto", "cpu", "cuda:N" or "mps". */
  device: string;
  threads: number | "auto";
  precision: "auto" | "float32" | "bfloat16";
  task: TaskConfig;
  split: { seed: number; /** train, val, test; sums to 1. */ fractions: [number, number, number] };
  transform: TransformConfig;
  slice: SliceConfig;
  volume: VolumeConfig;
  /** Train on a small fixed subset, to see that the model can fit at all. */
  overfit: boolean;
  /** Go on in an existing run folder. */
  relaunch: boolean;
  /** Weights to start from: a path. */
  checkpoint: string | null;
}

export interface TaskConfig {
  /** Original labels that take part; null = all. */
  classesToInclude: number[] | null;
  /** Original label → task class 0..k-1; null = the included labels in ascending order. */
  classMapping: Map<number, number> | null;
  classNames: string[] | null;
}

export interface TransformConfig {
  /** Values (HU where the data set holds HU) that become 0 and 1; null = the data set's own range. */
  window: [number, number] | null;
  mean: number;
  std: number;
  /** Of training slices. */
  augment: AugmentConfig;
}

export interface StageConfig {
  epochs: number;
  batchSize: number;
  optimizer: "adam" | "adamw" | "sgd";
  learningRate: number;
  weightDecay: number;
  momentum: number;
  schedule: "plateau" | "cosine" | "step" | "one_cycle" | "constant";
  warmupEpochs: number;
  dropout: number;
  weightedSampler: boolean;
  /** Every subject equally often; within its class where weightedSampler is on. */
  subjectSampler: boolean;
  loss: "cross_entropy" | "focal" | "ordinal";
  focalGamma: number;
  /** One value a class. */
  focalAlpha: number[] | null;
  weightedLoss: boolean;
  /** How weightedLoss weighs. */
  classWeights: "inverse" | "effective";
  effectiveBeta: number;
  labelSmoothing: number;
  clipNorm: number | null;
}

export interface SliceConfig extends StageConfig {
  model: "resnet18" | "resnet34" | "resnet50" | "custom_resnet" | "slice_cnn";
  /** Weights that the trunk starts from: the path of a file, or a name of torchvision's. */
  pretrained: string | null;
  /** Slices an epoch draws from each training volume, and looks at of each validation volume; null = all. */
  slicesPerVolume: number | null;
  /** Height and width in pixels that slices are resized to; null = as prepared. */
  size: [number, number] | null;
  /** Parameter of the Beta distribution; 0 = off. */
  mixup: number;
  cutmix: number;
  /** Weigh a slice's label by the chance that it shows the finding. */
  softLabels: boolean;
  /** Epochs before that. */
  softLabelWarmup: number;
  softLabelFloor: number;
}

export interface VolumeConfig extends StageConfig {
  head: "flatten" | "mean" | "max" | "attention" | "topk" | "noisy_or" | "conv1d" | "gru" | "transformer";
}
