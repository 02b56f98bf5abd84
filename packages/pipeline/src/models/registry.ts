/** The zoo: every model by its name, where it is from, and how it is made. What each costs: facts.ts. */
import type { SliceConfig, VolumeConfig } from "../config/types.js";
import { Attn } from "./networks/attn.js";
import { ModelError } from "./common/model-error.js";
import type { VolumeSize } from "./common/sizes.js";
import { CustomResNet } from "./trunks/custom-resnet.js";
import { AttentionHead } from "./heads/attention.js";
import { Conv1dHead } from "./heads/conv1d.js";
import { FlattenHead } from "./heads/flatten.js";
import { GruHead } from "./heads/gru.js";
import type { Head, HeadOptions, HeadSettings } from "./heads/head.js";
import { NoisyOrHead } from "./heads/noisy-or.js";
import { outputsOf } from "./outputs.js";
import { MaxHead, MeanHead } from "./heads/pooled.js";
import { TopKHead } from "./heads/topk.js";
import { TransformerHead } from "./heads/transformer.js";
import { Maps3d, Maps3dHead } from "./networks/maps-3d.js";
import type { ResNetDepth } from "./trunks/resnet.js";
import { SimpleModular } from "./networks/simple-modular.js";
import { Simple } from "./networks/simple.js";
import { SimpleBn } from "./networks/simplebn.js";
import { SliceCnn } from "./trunks/slice-cnn.js";
import type { SliceModel } from "./trunks/slice-model.js";
import { TwoStage } from "./networks/two-stage.js";
import { VolumeCnn } from "./networks/volume-cnn.js";
import type { VolumeModel, VolumeModelOptions } from "./networks/volume-model.js";

/** The config's names, and the published one of the whole 2D network, whose features are `slice_cnn`. */
export type SliceModelName = SliceConfig["model"] | "2d_cnn";

const depths: Record<Exclude<SliceModelName, "slice_cnn" | "2d_cnn">, ResNetDepth> = {
  resnet18: 18,
  resnet34: 34,
  resnet50: 50,
  custom_resnet: 50,
};

/** Layers of a slice model's ResNet trunk; null where it has none. */
export function trunkDepth(model: SliceModelName): ResNetDepth | null {
  return model === "slice_cnn" || model === "2d_cnn" ? null : depths[model];
}

/**
 * Slices that a batch, and each piece of it, needs in training. A ResNet's last maps have one pixel where slices are no larger than
 * 32 x 32, so that batch norm would take the statistics of a single value from a single slice.
 */
export function leastSlices(model: SliceModelName, [height, width]: readonly [number, number]): number {
  return trunkDepth(model) !== null && Math.max(height, width) <= 32 ? 2 : 1;
}

/** Decides the width of the last layer and how it is read; default cross entropy. */
type Loss = Partial<Pick<SliceConfig, "loss">>;

export interface SliceModelSettings extends Loss {
  model: SliceModelName;
  dropout: number;
  /** Input channels: HU windows times neighbouring slices. Default: 3 for a ResNet, else 1. */
  channels?: number;
}

/**
 * A slice model whose last layer and its reading are those of the loss.
 * @param size height and width of the slices that the model will see
 * @throws ModelError where the size does not fit
 */
export function createSliceModel(config: SliceModelSettings, classes: number, size: [number, number]): SliceModel {
  const outputs = outputsOf(config.loss);
  const network = sliceNetwork(config, outputs.outputs(classes), size);
  network.outputs = outputs;
  return network;
}

function sliceNetwork(config: SliceModelSettings, classes: number, size: [number, number]): SliceModel {
  const { model, dropout, channels } = config;
  const input = channels === undefined ? {} : { channels: atLeastOne(model, "channels", channels) };
  if (model === "slice_cnn" || model === "2d_cnn") return new SliceCnn({ classes, dropout, size, ...input });
  return new CustomResNet({ depth: depths[model], classes, dropout, ...input });
}

/** Heads on embeddings; maps_3d works on maps (createHeadFor, createVolumeModel). */
export type HeadName = Exclude<VolumeConfig["head"], "maps_3d">;

/** Each head, and the settings that it has. */
const heads: Record<HeadName, { Head: new (options: HeadOptions) => Head; has: readonly (keyof HeadSettings)[] }> = {
  flatten: { Head: FlattenHead, has: [] },
  mean: { Head: MeanHead, has: [] },
  max: { Head: MaxHead, has: [] },
  attention: { Head: AttentionHead, has: ["width"] },
  topk: { Head: TopKHead, has: ["k"] },
  noisy_or: { Head: NoisyOrHead, has: [] },
  conv1d: { Head: Conv1dHead, has: ["width", "layers"] },
  gru: { Head: GruHead, has: ["width", "layers"] },
  transformer: { Head: TransformerHead, has: ["width", "layers"] },
};

export const headNames = Object.keys(heads) as HeadName[];

/** @throws ModelError where a setting is given that the head does not have, or that does not fit it */
export function createHead(
  config: { head: HeadName; dropout: number } & HeadSettings & Loss,
  shape: Omit<HeadOptions, "dropout" | keyof HeadSettings>,
): Head {
  const { head, dropout } = config;
  const { Head, has } = heads[head];
  const settings: HeadSettings = {};
  for (const name of ["k", "width", "layers"] as const) {
    const value = config[name] ?? null;
    if (value === null) continue;
    if (!has.includes(name)) {
      const others = headNames.filter((other) => heads[other].has.includes(name));
      throw new ModelError(head, `has no ${name}, received ${value}`, `Leave it out, or take ${others.join(", ")}.`);
    }
    settings[name] = atLeastOne(head, name, value);
  }
  const outputs = outputsOf(config.loss);
  const made = new Head({ ...shape, ...settings, classes: outputs.outputs(shape.classes), dropout });
  made.outputs = outputs;
  return made;
}

/** The published head's. */
const headDropout = 0.2;

/** The head of a configuration, on the embeddings of `trunk` or its maps. @throws ModelError */
export function createHeadFor(
  config: Pick<VolumeConfig, "head" | "dropout"> & HeadSettings & Loss,
  trunk: SliceModel,
  { slices, classes }: { slices: number; classes: number },
): Head {
  const { head, loss } = config;
  const dropout = config.dropout ?? headDropout;
  if (head !== "maps_3d")
    return createHead({ ...config, head, dropout }, { embedding: trunk.embedding, slices, classes });
  const outputs = outputsOf(loss);
  const made = new Maps3dHead({ mapChannels: trunk.mapChannels, classes: outputs.outputs(classes), dropout });
  made.outputs = outputs;
  return made;
}

const volumeModels = {
  simple: Simple,
  simplebn: SimpleBn,
  simple_modular: SimpleModular,
  attn: Attn,
  volume_cnn: VolumeCnn,
  two_stage: TwoStage,
} satisfies Record<string, new (options: VolumeModelOptions) => VolumeModel>;

export type VolumeModelName = keyof typeof volumeModels | "maps_3d";

export interface VolumeModelSettings extends Loss {
  model: VolumeModelName;
  /** null or absent: the published one. */
  dropout?: number | null;
  /** maps_3d: the trained slice model, owned by the new one from now on. Default: an untrained custom_resnet. */
  trunk?: SliceModel;
}

/**
 * @param size height, width and slices of the volumes that the model will see
 * @throws ModelError where the size does not fit, or a trunk is given that the model does not have
 */
export function createVolumeModel(config: VolumeModelSettings, classes: number, size: VolumeSize): VolumeModel {
  const outputs = outputsOf(config.loss);
  const network = volumeNetwork(config, outputs.outputs(classes), size);
  network.outputs = outputs;
  return network;
}

function volumeNetwork(config: VolumeModelSettings, classes: number, size: VolumeSize): VolumeModel {
  const { model, trunk } = config;
  const dropout = config.dropout ?? null;
  const options = { classes, size, ...(dropout === null ? {} : { dropout }) };
  if (model === "maps_3d")
    return new Maps3d({ ...options, trunk: trunk ?? new CustomResNet({ depth: 50, classes, dropout: 0 }) });
  if (trunk !== undefined) throw new ModelError(model, "has no trunk, received one", "Leave it out, or take maps_3d.");
  return new volumeModels[model](options);
}

function atLeastOne(model: string, name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new ModelError(model, `${name}: expected a whole number from 1 on, received ${value}`, "Correct it.");
}

export type ModelKind = "slice model" | "head" | "volume model" | "two-stage";

interface Described {
  /** Layers in short: widths, K classes. */
  architecture: string;
  source: string;
}

/** A model of the zoo. `kind` says which function makes it: createSliceModel, createHead or createVolumeModel. */
export type ZooModel = Described &
  (
    | { kind: "slice model"; name: SliceModelName }
    | { kind: "head"; name: HeadName }
    | { kind: "volume model" | "two-stage"; name: VolumeModelName }
  );

const published = "Garg, Garg, Duncan, Electronics 14(13), 2571, 2025";
const resnet = "He et al., CVPR 2016; torchvision's names";

/** All models: slice models, heads on their embeddings, and models of whole volumes. */
export const zoo: readonly ZooModel[] = [
  { kind: "slice model", name: "custom_resnet", source: published, architecture: "ResNet-50 trunk, 2048-512-256-K" },
  { kind: "slice model", name: "resnet18", source: resnet, architecture: "ResNet-18 trunk, 512-512-256-K" },
  { kind: "slice model", name: "resnet34", source: resnet, architecture: "ResNet-34 trunk, 512-512-256-K" },
  { kind: "slice model", name: "resnet50", source: resnet, architecture: "custom_resnet under another name" },
  { kind: "slice model", name: "2d_cnn", source: published, architecture: "3 convolutions 32-64-128, 512-128-K" },
  {
    kind: "slice model",
    name: "slice_cnn",
    source: published,
    architecture: "2d_cnn; its 128 features are what volume_cnn and the heads see",
  },
  { kind: "head", name: "flatten", source: published, architecture: "slices side by side, S·E-2048-128-K" },
  { kind: "head", name: "mean", source: "multiple-instance mean", architecture: "mean over slices, E-K" },
  { kind: "head", name: "max", source: "multiple-instance max", architecture: "max over slices, E-K" },
  {
    kind: "head",
    name: "topk",
    source: "Li, Vasconcelos, CVPR 2015",
    architecture: "mean of the k = 8 highest slice scores",
  },
  {
    kind: "head",
    name: "noisy_or",
    source: "Viola, Platt, Zhang, NIPS 2005",
    architecture: "chance that a slice or more shows it",
  },
  {
    kind: "head",
    name: "attention",
    source: "Ilse et al., ICML 2018",
    architecture: "gated attention of width 64, E-K",
  },
  {
    kind: "head",
    name: "conv1d",
    source: "own; pooling: Hassani et al., arXiv 2104.05704",
    architecture: "2 convolutions over slices, width 64, K",
  },
  { kind: "head", name: "gru", source: "Cho et al., EMNLP 2014", architecture: "GRU in both directions, width 128, K" },
  {
    kind: "head",
    name: "transformer",
    source: "Vaswani et al., NeurIPS 2017; Xiong et al., ICML 2020",
    architecture: "2 encoder layers of width 128, sinusoidal positions, K",
  },
  { kind: "volume model", name: "simple", source: published, architecture: "3 blocks 64-128-256, 512, dropout 0.1, K" },
  { kind: "volume model", name: "simplebn", source: published, architecture: "simple with dropout 0.5" },
  {
    kind: "volume model",
    name: "simple_modular",
    source: published,
    architecture: "5 blocks 32-64-128-256-512, 1024-512-K",
  },
  {
    kind: "volume model",
    name: "attn",
    source: `${published}; Hu et al., CVPR 2018`,
    architecture: "5 blocks with squeeze-and-excitation, mean, 256-64-K",
  },
  {
    kind: "volume model",
    name: "volume_cnn",
    source: published,
    architecture: "one slice_cnn for all slices, 512-128-K",
  },
  {
    kind: "volume model",
    name: "maps_3d",
    source: "the 2.5 CNN project's 3D head",
    architecture: "maps of a frozen custom_resnet, 1x1 to 64, 2 blocks over the stack, mean, K",
  },
  { kind: "two-stage", name: "two_stage", source: published, architecture: "frozen custom_resnet, flatten head" },
];
