import type { AugmentConfig } from "./augment.js";

/** Options that the file gives a component; the component's schema has the others. Absent: none. */
export type Options = Record<string, unknown>;

/** The settings of a run, complete and checked. Files and flags spell the same keys in snake_case (docs/reference/config.md). */
export interface RunConfig {
  name: string;
  method: "2d" | "2.5d" | "3d";
  seed: number;
  /** "auto", "cpu", "cuda:N" or "mps". */
  device: string;
  threads: number | "auto";
  precision: "auto" | "float32" | "bfloat16";
  /** Train on a small fixed subset, to see that the model can fit at all. */
  overfit: boolean;
  /** Go on in an existing run folder. */
  relaunch: boolean;
  /** Weights of the slice model to start from: a path. */
  checkpoint: string | null;
  /** A run of ours to start from: its folder. */
  initFrom: string | null;
  /** Files of the plug-ins that the components below may be from. */
  plugins: string[];
  task: TaskConfig;
  split: { seed: number; /** train, val, test; sums to 1. */ fractions: [number, number, number] };
  transform: TransformConfig;
  slice: SliceConfig;
  volume: VolumeConfig;
  fineTune: FineTuneConfig;
  /** Where epochs are told besides the run folder; of no influence on what is trained. */
  log: { wandb: boolean; project: string; entity: string | null };
}

export interface TaskConfig {
  /** Original labels that take part; null = all. */
  classesToInclude: number[] | null;
  /** Original label → task class 0..k-1; null = the included labels in ascending order. */
  classMapping: Map<number, number> | null;
  classNames: string[] | null;
  /** Whether the classes are grades in order; null = as their names say. */
  ordinal: boolean | null;
  /** The control: train and val with labels that mean nothing, test with its own. */
  shuffleLabels: boolean;
}

export interface TransformConfig {
  /** Values (HU where the data set holds HU) that become 0 and 1; null = defaultWindow of the training set. */
  window: [number, number] | null;
  /** Several, each a channel, in place of `window`. */
  windows: [number, number][] | null;
  /** Odd: a slice and those beside it, as channels. */
  neighbours: number;
  planes: "axial" | "three";
  mean: number;
  std: number;
  /** Of training slices and volumes. */
  augment: AugmentConfig;
}

/** How any stage goes through its data. */
export interface OptimisationConfig {
  epochs: number;
  batchSize: number;
  /** Pieces that a batch is computed in. */
  accumulate: number;
  optimizer: "adam" | "adamw" | "sgd";
  learningRate: number;
  weightDecay: number;
  momentum: number;
  schedule: "plateau" | "cosine" | "step" | "one_cycle" | "constant";
  warmupEpochs: number;
  clipNorm: number | null;
  /** Decay of the moving average of the weights; 0 = none. */
  ema: number;
  /** What chooses the best epoch on val: a selection metric, by its name. */
  select: string;
  selectOptions?: Options;
  /** Epochs without a better one before training stops; null = never. */
  patience: number | null;
  syncBatchNorm: boolean;
  weightedSampler: boolean;
  /** Every subject equally often; within its class where weightedSampler is on. */
  subjectSampler: boolean;
}

export interface LossConfig {
  loss: string;
  lossOptions?: Options;
  focalGamma: number;
  /** One value a class. */
  focalAlpha: number[] | null;
  weightedLoss: boolean;
  /** How weightedLoss weighs. */
  classWeights: "inverse" | "effective";
  effectiveBeta: number;
  labelSmoothing: number;
}

export type StageConfig = OptimisationConfig & LossConfig;

export interface SliceConfig extends StageConfig {
  dropout: number;
  /** A trunk, by its name. */
  model: string;
  modelOptions?: Options;
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
  /** How the slices of a volume vote. */
  vote: "mean" | "majority" | "count" | "topk" | "noisy_or";
  voteK: number;
}

export interface VolumeConfig extends StageConfig {
  /** null = the published one of the head or the model. */
  dropout: number | null;
  /** 2.5d: a head, by its name. */
  head: string;
  headOptions?: Options;
  /** Settings that some heads have; null = the head's own. */
  k: number | null;
  width: number | null;
  layers: number | null;
  /** 2.5d: slices of a volume that the head sees; null = all. */
  slices: number | null;
  /** 2.5d: augmented embeddings of each training volume, beside the plain ones. */
  views: number;
  /** 3d: a network, by its name. */
  model: string;
  modelOptions?: Options;
  /** 3d: height, width, slices; null = as prepared. */
  size: [number, number, number] | null;
  fit: "resize" | "pad";
}

/** 2.5d, third step: trunk and head together. The loss is the volume stage's. */
export interface FineTuneConfig extends OptimisationConfig {
  slices: number | null;
  /** Slices whose activations are held at once. */
  chunk: number;
}
