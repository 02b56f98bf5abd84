/** Models by the names of the config. What there is, with its source and how it is built for a shape: zoo.ts. */
import type { SliceConfig, VolumeConfig } from "../config/types.js";
import { Attn } from "./attn.js";
import { ModelError } from "./common/model-error.js";
import type { VolumeSize } from "./common/sizes.js";
import { CustomResNet } from "./custom-resnet.js";
import { AttentionHead } from "./heads/attention.js";
import { Conv1dHead } from "./heads/conv1d.js";
import { FlattenHead } from "./heads/flatten.js";
import { GruHead } from "./heads/gru.js";
import type { Head, HeadOptions, HeadSettings } from "./heads/head.js";
import { NoisyOrHead } from "./heads/noisy-or.js";
import { MaxHead, MeanHead } from "./heads/pooled.js";
import { TopKHead } from "./heads/topk.js";
import { TransformerHead } from "./heads/transformer.js";
import { Maps3d } from "./maps-3d.js";
import type { ResNetDepth } from "./resnet.js";
import { SimpleModular } from "./simple-modular.js";
import { Simple } from "./simple.js";
import { SimpleBn } from "./simplebn.js";
import { SliceCnn } from "./slice-cnn.js";
import type { SliceModel } from "./slice-model.js";
import { TwoStage } from "./two-stage.js";
import { VolumeCnn } from "./volume-cnn.js";
import type { VolumeModel, VolumeModelOptions } from "./volume-model.js";

/** The config's names, and the published one of the whole 2D network, whose features are `slice_cnn`. */
export type SliceModelName = SliceConfig["model"] | "2d_cnn";

const depths: Record<Exclude<SliceModelName, "slice_cnn" | "2d_cnn">, ResNetDepth> = {
  resnet18: 18,
  resnet34: 34,
  resnet50: 50,
  custom_resnet: 50,
};

export interface SliceModelSettings {
  model: SliceModelName;
  dropout: number;
  /** Input channels: HU windows times neighbouring slices. Default: 3 for a ResNet, else 1. */
  channels?: number;
}

/**
 * @param size height and width of the slices that the model will see
 * @throws ModelError where the size does not fit
 */
export function createSliceModel(config: SliceModelSettings, classes: number, size: [number, number]): SliceModel {
  const { model, dropout, channels } = config;
  const input = channels === undefined ? {} : { channels: atLeastOne(model, "channels", channels) };
  if (model === "slice_cnn" || model === "2d_cnn") return new SliceCnn({ classes, dropout, size, ...input });
  return new CustomResNet({ depth: depths[model], classes, dropout, ...input });
}

type HeadName = VolumeConfig["head"];

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
  config: Pick<VolumeConfig, "head" | "dropout"> & HeadSettings,
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
  return new Head({ ...shape, ...settings, dropout });
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

export interface VolumeModelSettings {
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
