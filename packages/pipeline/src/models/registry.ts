/** Models by the names of the config. */
import type { SliceConfig, VolumeConfig } from "../config/types.js";
import { CustomResNet } from "./custom-resnet.js";
import { AttentionHead } from "./heads/attention.js";
import { FlattenHead } from "./heads/flatten.js";
import { outputsOf } from "./outputs.js";
import type { Head, HeadOptions } from "./heads/head.js";
import { MaxHead, MeanHead } from "./heads/pooled.js";
import type { ResNetDepth } from "./resnet.js";
import { SliceCnn } from "./slice-cnn.js";
import type { SliceModel } from "./slice-model.js";

const depths: Record<Exclude<SliceConfig["model"], "slice_cnn">, ResNetDepth> = {
  resnet18: 18,
  resnet34: 34,
  resnet50: 50,
  custom_resnet: 50,
};

type Loss = Partial<Pick<SliceConfig, "loss">>;

/**
 * A slice model whose last layer and its reading are those of the loss (default: cross entropy).
 * @param size height and width of the slices that the model will see
 */
export function createSliceModel(
  config: Pick<SliceConfig, "model" | "dropout"> & Loss,
  classes: number,
  size: [number, number],
): SliceModel {
  const outputs = outputsOf(config.loss);
  const network = sliceNetwork(config, outputs.outputs(classes), size);
  network.outputs = outputs;
  return network;
}

function sliceNetwork(
  { model, dropout }: Pick<SliceConfig, "model" | "dropout">,
  classes: number,
  size: [number, number],
): SliceModel {
  if (model === "slice_cnn") return new SliceCnn({ classes, dropout, size });
  return new CustomResNet({ depth: depths[model], classes, dropout });
}

const heads: Record<VolumeConfig["head"], new (options: HeadOptions) => Head> = {
  flatten: FlattenHead,
  mean: MeanHead,
  max: MaxHead,
  attention: AttentionHead,
};

export function createHead(
  config: Pick<VolumeConfig, "head" | "dropout"> & Loss,
  shape: Omit<HeadOptions, "dropout">,
): Head {
  const outputs = outputsOf(config.loss);
  const head = new heads[config.head]({ ...shape, classes: outputs.outputs(shape.classes), dropout: config.dropout });
  head.outputs = outputs;
  return head;
}
