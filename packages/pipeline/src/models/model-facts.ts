/** The cost of each model for a given size of data: parameters, multiply-adds, input, memory. Needs neither data nor libtorch. */
import { ones, zeros } from "@slicestack/torch";
import { traceShapes } from "@slicestack/torch/trace";
import { componentsOf } from "../config/components.js";
import "./catalogue.js";
import { costOf, type Cost, type Counted } from "./common/flops.js";
import { ModelError } from "./common/model-error.js";
import type { HeadComponent, NetworkComponent, TrunkComponent } from "./component.js";
import { createHead, createSliceModel, createVolumeModel } from "./create-by-name.js";

export interface ZooShape {
  /** Height and width of a slice. */
  size: [number, number];
  /** Slices of a volume. */
  slices: number;
  classes: number;
  /** The batch of a training step: slices for slice models, volumes for all others. */
  batch: number;
}

export type ModelKind = "slice model" | "head" | "volume model" | "two-stage";

export interface ModelFacts {
  name: string;
  kind: ModelKind;
  architecture: string;
  source: string;
  /** The setting that selects it. */
  config: string;
  /** Axes of the input without the batch: C channels, H, W, D or S slices, E embedding. */
  axes: string;
  input: number[];
  /** null if the model does not accept this size; `problem` states the reason. */
  cost: Cost | null;
  problem: string | null;
}

type Listed = TrunkComponent | HeadComponent | NetworkComponent;

/** The width of the embeddings of the default trunk, on which heads are counted. */
const embedding = 256;

/** Slice models, heads on their embeddings, and networks for whole volumes, in the order of the catalogue. */
export function listedModels(): readonly Listed[] {
  const networks = componentsOf("network") as readonly NetworkComponent[];
  const heads = componentsOf("head") as readonly HeadComponent[];
  // A head on maps is listed as the network that consists of it and its slice model.
  const onEmbeddings = heads.filter(
    ({ sees, name }) => sees === "embedding" || !networks.some((network) => network.name === name),
  );
  return [...(componentsOf("trunk") as readonly TrunkComponent[]), ...onEmbeddings, ...networks];
}

export function modelFacts(shape: ZooShape): ModelFacts[] {
  return listedModels().map((entry) => {
    const { name, architecture, source } = entry;
    const { axes, input } = inputOf(entry, shape);
    const facts = { name, kind: kindOf(entry), architecture, source, config: settingOf(entry), axes, input };
    try {
      return { ...facts, cost: costOf(() => counted(entry, shape), input, shape.batch), problem: null };
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      return { ...facts, cost: null, problem: error.message };
    }
  });
}

function kindOf(entry: Listed): ModelKind {
  if (entry.kind === "trunk") return "slice model";
  if (entry.kind === "head") return "head";
  return entry.stages === undefined ? "volume model" : "two-stage";
}

function settingOf(entry: Listed): string {
  if (entry.kind === "head") return `head.model: ${entry.name}`;
  if (entry.kind === "network") return entry.setting ?? `method: 3d, network.model: ${entry.name}`;
  return entry.setting ?? `slice.model: ${entry.name}`;
}

function inputOf(entry: Listed, shape: ZooShape): { axes: string; input: number[] } {
  const { size, slices } = shape;
  if (entry.kind === "trunk") return { axes: "C, H, W", input: [entry.channels, ...size] };
  if (entry.kind === "network") return { axes: "1, H, W, D", input: [1, ...size, slices] };
  if (entry.sees === "embedding") return { axes: "S, E", input: [slices, embedding] };
  return { axes: "S, F, h, w", input: [slices, ...mapsOf(shape)] };
}

/** The shape of the last maps of the default trunk: channels, height, width. */
function mapsOf({ size, classes }: ZooShape): number[] {
  const [{ name } = { name: "" }] = componentsOf("trunk");
  return traceShapes(() => {
    using trunk = createSliceModel({ model: name, dropout: 0 }, classes, size);
    return trunk.featureMaps(zeros([1, trunk.channels, ...size])).shape.slice(1);
  }).result;
}

function counted(entry: Listed, shape: ZooShape): Counted {
  const { size, slices, classes } = shape;
  if (entry.kind === "trunk") {
    const model = createSliceModel({ model: entry.name, dropout: 0 }, classes, size);
    return { model, logits: (x_BCHW) => model.forward(x_BCHW) };
  }
  if (entry.kind === "head") {
    const mapChannels = entry.sees === "maps" ? mapsOf(shape)[0]! : embedding;
    const model = createHead({ model: entry.name, dropout: 0 }, { embedding, mapChannels, slices, classes });
    const mask = (batch: number) => ones([batch, slices], { dtype: "bool" });
    return { model, logits: (x_BS) => model.forward(x_BS, mask(x_BS.size(0))).logits_BK };
  }
  const model = createVolumeModel({ model: entry.name }, classes, [...size, slices]);
  return { model, logits: (x_BCHWD) => model.forward(x_BCHWD) };
}

/** Formats a count with at most four digits: 1285, 34.2 k, 24.7 M, 45.6 G. */
export function shortCount(count: number): string {
  for (const [unit, size] of [
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e4],
  ] as const)
    if (count >= size) return `${significant(count / (unit === "k" ? 1e3 : size))} ${unit}`;
  return String(count);
}

/** Formats bytes in MiB or GiB. */
export function shortBytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${significant(bytes / 2 ** 30)} GiB` : `${significant(bytes / 2 ** 20)} MiB`;
}

const significant = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
