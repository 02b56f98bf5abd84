/** Describes a weights file without reading its values. */
import type { DType } from "@slicestack/torch";
import { guessModel, type ModelGuess } from "./guess-model.js";
import type { OtherEntry } from "../weights/state-dict.js";
import { OpenWeights, type WeightsFormat } from "../weights/weights.js";

export interface WeightsDescription {
  file: string;
  format: WeightsFormat;
  bytes: number;
  /** In the order of the file, under the names that models are loaded with. */
  tensors: { name: string; dtype: DType; shape: number[] }[];
  /** The number of values in all floating-point tensors. */
  values: number;
  /** Choices such as an entry or a prefix. */
  notes: string[];
  /** Other entries of the file, e.g. the state of an optimiser. */
  others: OtherEntry[];
  metadata: Record<string, string>;
  /** null if no known model has these names. */
  model: ModelGuess | null;
}

/** @throws CheckpointError if the file is missing, damaged, of another kind, or names objects that weights do not need */
export function describeWeights(path: string): WeightsDescription {
  using opened = new OpenWeights(path);
  const { format, stored, notes, others, metadata, file } = opened;
  const floating = [...stored.values()].filter(({ dtype }) => dtype.includes("float"));
  return {
    file: path,
    format,
    bytes: file.size,
    tensors: [...stored].map(([name, { dtype, shape }]) => ({ name, dtype, shape: [...shape] })),
    values: floating.reduce((sum, { numel }) => sum + numel, 0),
    notes,
    others,
    metadata,
    model: guessModel(stored),
  };
}

/** The description in lines for a terminal. */
export function weightsText({
  file,
  format,
  bytes,
  tensors,
  values,
  notes,
  others,
  model,
}: WeightsDescription): string {
  const kind = {
    safetensors: "safetensors",
    pth: "torch.save",
    "legacy pth": "torch.save before PyTorch 1.6",
  }[format];
  return [
    `${file}: ${kind}, ${(bytes / 1e6).toFixed(1)} MB, ${tensors.length} tensors, ${values} values`,
    `Model: ${model === null ? "not recognised" : modelText(model)}`,
    ...notes,
    ...(others.length === 0 ? [] : ["Other entries, which are left out:"]),
    ...others.slice(0, 20).map(({ name, value }) => `  ${name}: ${value}`),
    ...(others.length > 20 ? [`  and ${others.length - 20} more`] : []),
  ].join("\n");
}

/** Formats a guess in one line, e.g. "custom_resnet (ResNet-50 trunk, 3 classes, embedding 256)". */
export function modelText({
  model,
  alike,
  depth,
  classes,
  embedding,
  slices,
  channels,
  inputSize,
}: ModelGuess): string {
  const facts = [
    depth === null ? "" : `ResNet-${depth} trunk`,
    classes === null ? "" : `${classes} classes`,
    embedding === null ? "" : `embedding ${embedding}`,
    slices === null ? "" : `${slices} slices`,
    channels === null ? "" : `${channels} ${channels === 1 ? "channel" : "channels"}`,
    inputSize === null ? "" : `input ${inputSize.join(" x ")}`,
  ].filter((fact) => fact !== "");
  return `${[model, ...alike].join(" or ")}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}`;
}
