/** The facts of every model of the zoo for a size of data: parameters, multiply-adds, input, memory. Needs no data and no libtorch. */
import { ones } from "@slicestack/torch";
import { costOf, type Cost, type Counted } from "./common/flops.js";
import { ModelError } from "./common/model-error.js";
import { createHead, createSliceModel, createVolumeModel, zoo, type ModelKind, type ZooModel } from "./registry.js";

export interface ZooShape {
  /** Height and width of a slice. */
  size: [number, number];
  /** Slices of a volume. */
  slices: number;
  classes: number;
  /** Slices (slice models) or volumes (all others) in a training step. */
  batch: number;
}

export interface ModelFacts {
  name: string;
  kind: ModelKind;
  architecture: string;
  source: string;
  /** The setting that chooses it. */
  config: string;
  /** Axes of the input without the batch: C channels, H, W, D or S slices, E embedding. */
  axes: string;
  input: number[];
  /** null where the model cannot take this size; `problem` says why. */
  cost: Cost | null;
  problem: string | null;
}

// The heads are counted on the embeddings of custom_resnet.
const embedding = 256;

/** One row a model, in the order of the zoo. */
export function modelFacts(shape: ZooShape): ModelFacts[] {
  return zoo.map((entry) => {
    const { name, kind, architecture, source } = entry;
    const { axes, input } = inputOf(entry, shape);
    const facts = { name, kind, architecture, source, config: settingOf(entry), axes, input };
    try {
      return { ...facts, cost: costOf(() => counted(entry, shape), input, shape.batch), problem: null };
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      return { ...facts, cost: null, problem: error.message };
    }
  });
}

function settingOf({ kind, name }: ZooModel): string {
  if (kind === "slice model") return `slice.model: ${name === "2d_cnn" ? "slice_cnn" : name}`;
  if (kind === "head") return `volume.head: ${name}`;
  if (name === "two_stage") return "slice.model: custom_resnet, volume.head: flatten";
  return name === "maps_3d" ? "volume.head: maps_3d" : `method: 3d, volume.model: ${name}`;
}

function inputOf({ kind, name }: ZooModel, { size, slices }: ZooShape): { axes: string; input: number[] } {
  if (kind === "head") return { axes: "S, E", input: [slices, embedding] };
  if (kind === "slice model") return { axes: "C, H, W", input: [name.endsWith("cnn") ? 1 : 3, ...size] };
  return { axes: "1, H, W, D", input: [1, ...size, slices] };
}

function counted(entry: ZooModel, { size, slices, classes }: ZooShape): Counted {
  if (entry.kind === "slice model") {
    const model = createSliceModel({ model: entry.name, dropout: 0 }, classes, size);
    return { model, logits: (x_BCHW) => model.forward(x_BCHW) };
  }
  if (entry.kind === "head") {
    const model = createHead({ head: entry.name, dropout: 0 }, { embedding, slices, classes });
    const mask = (batch: number) => ones([batch, slices], { dtype: "bool" });
    return { model, logits: (x_BSE) => model.forward(x_BSE, mask(x_BSE.size(0))).logits_BK };
  }
  const model = createVolumeModel({ model: entry.name }, classes, [...size, slices]);
  return { model, logits: (x_BCHWD) => model.forward(x_BCHWD) };
}

/** A count in at most four digits: 1285, 34.2 k, 24.7 M, 45.6 G. */
export function shortCount(count: number): string {
  for (const [unit, size] of [
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e4],
  ] as const)
    if (count >= size) return `${significant(count / (unit === "k" ? 1e3 : size))} ${unit}`;
  return String(count);
}

/** Bytes in MiB or GiB. */
export function shortBytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${significant(bytes / 2 ** 30)} GiB` : `${significant(bytes / 2 ** 20)} MiB`;
}

const significant = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
