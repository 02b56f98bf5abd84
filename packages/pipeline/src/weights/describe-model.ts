/**
 * Which model of the zoo weights belong to, by names and shapes alone: the published code's names (Garg, Garg, Duncan,
 * Electronics 14(13), 2571, 2025), torchvision's ResNets, and the heads of a run's volume stage.
 */
import type { StoredTensor } from "@slicestack/torch/safetensors";

/** What is not told by the shapes is null. */
export interface ModelGuess {
  /** The name of the zoo, e.g. "custom_resnet". */
  model: string;
  /** Others that have the same names and shapes. */
  alike: string[];
  /** Layers of the ResNet trunk. */
  depth: 18 | 34 | 50 | null;
  classes: number | null;
  /** Width of a slice's embedding. */
  embedding: number | null;
  /** Slices of a volume. */
  slices: number | null;
  /** Input channels. */
  channels: number | null;
  /** Height, width and, of 3D models, depth; where only their product shows, the square or the published 128 x 128 x 64 that fits it. */
  inputSize: number[] | null;
}

type Shapes = (name: string) => readonly number[] | undefined;
type Guess = Partial<ModelGuess> & { model: string };

/** @returns null where it is none of the zoo */
export function guessModel(stored: ReadonlyMap<string, Pick<StoredTensor, "shape">>): ModelGuess | null {
  const shapes: Shapes = (name) => stored.get(name)?.shape;
  for (const guess of guesses) {
    const found = guess(shapes);
    if (found === null) continue;
    return {
      alike: [],
      depth: null,
      classes: null,
      embedding: null,
      slices: null,
      channels: null,
      inputSize: null,
      ...found,
    };
  }
  return null;
}

/** Outer models first: their names hold those of the inner ones behind a prefix. */
const guesses: ((shapes: Shapes) => Guess | null)[] = [
  joint,
  twoStage,
  customResNet,
  volumeCnn,
  attn,
  simpleModular,
  simple,
  sliceCnn,
  torchvisionResNet,
  flattenHead,
  attentionHead,
];

const below =
  (shapes: Shapes, prefix: string): Shapes =>
  (name) =>
    shapes(`${prefix}${name}`);
const outputs = (shapes: Shapes, name: string) => shapes(`${name}.weight`)?.[0] ?? null;
const inputs = (shapes: Shapes, name: string) => shapes(`${name}.weight`)?.[1] ?? null;
const quotient = (a: number | null, b: number | null) =>
  a !== null && b !== null && b > 0 && a % b === 0 ? a / b : null;

function trunk(shapes: Shapes): Pick<ModelGuess, "depth" | "channels"> | null {
  const stem = shapes("conv1.weight");
  if (stem?.length !== 4 || stem[0] !== 64 || shapes("layer4.1.conv2.weight") === undefined) return null;
  const depth =
    shapes("layer1.0.conv3.weight") !== undefined ? 50 : shapes("layer3.5.conv1.weight") === undefined ? 18 : 34;
  return { depth, channels: stem[1] ?? null };
}

function customResNet(shapes: Shapes): Guess | null {
  const found = trunk(below(shapes, "resnet."));
  if (found === null || shapes("custom_layers.0.weight") === undefined) return null;
  return {
    model: "custom_resnet",
    ...found,
    classes: outputs(shapes, "custom_layers.6"),
    embedding: outputs(shapes, "custom_layers.3"),
  };
}

function twoStage(shapes: Shapes): Guess | null {
  const slice = customResNet(below(shapes, "resnet."));
  if (slice === null || shapes("ffwd.0.weight") === undefined) return null;
  const embedding = slice.embedding ?? null;
  return {
    ...slice,
    model: "two_stage",
    classes: outputs(shapes, "ffwd.6"),
    slices: quotient(inputs(shapes, "ffwd.0"), embedding),
  };
}

function torchvisionResNet(shapes: Shapes): Guess | null {
  const found = trunk(shapes);
  return found === null ? null : { model: `resnet${found.depth ?? ""}`, ...found, classes: outputs(shapes, "fc") };
}

/** Three stages of pooling by 2 before the first linear layer of 128 maps. */
function sliceCnn(shapes: Shapes): Guess | null {
  const [first, last] = [shapes("conv1.weight"), shapes("conv3.weight")];
  if (first?.length !== 4 || last?.length !== 4 || outputs(shapes, "fc2") !== 128) return null;
  return {
    model: "2d_cnn",
    alike: ["slice_cnn"],
    channels: first[1] ?? null,
    classes: outputs(shapes, "fc3"),
    embedding: outputs(shapes, "fc2"),
    inputSize: square(quotient(inputs(shapes, "fc1"), last[0] ?? null), 8),
  };
}

function volumeCnn(shapes: Shapes): Guess | null {
  const slice = sliceCnn(below(shapes, "slice_cnn."));
  if (slice === null || shapes("fc1.weight") === undefined) return null;
  const slices = quotient(inputs(shapes, "fc1"), slice.embedding ?? null);
  const size = slice.inputSize ?? null;
  return {
    ...slice,
    model: "volume_cnn",
    alike: [],
    classes: outputs(shapes, "fc3"),
    slices,
    inputSize: size === null || slices === null ? null : [...size, slices],
  };
}

function simple(shapes: Shapes): Guess | null {
  const [first, third] = [shapes("conv1.weight"), shapes("conv3.weight")];
  if (first?.length !== 5 || third?.length !== 5 || shapes("fc2.weight") === undefined) return null;
  return {
    model: "simple",
    alike: ["simplebn"],
    channels: first[1] ?? null,
    classes: outputs(shapes, "fc2"),
    inputSize: published(quotient(inputs(shapes, "fc1"), third[0] ?? null), 8),
  };
}

function fiveBlocks(shapes: Shapes): Guess | null {
  const first = shapes("conv1.conv.weight");
  if (first?.length !== 5 || shapes("conv5.conv.weight") === undefined) return null;
  return { model: "", channels: first[1] ?? null, classes: outputs(shapes, "fc3") };
}

function simpleModular(shapes: Shapes): Guess | null {
  const found = fiveBlocks(shapes);
  if (found === null) return null;
  const cells = quotient(inputs(shapes, "fc1"), outputs(shapes, "conv5.conv"));
  return { ...found, model: "simple_modular", inputSize: published(cells, 32) };
}

/** Pools over all of the volume, so that its shapes say nothing of the size. */
function attn(shapes: Shapes): Guess | null {
  const found = fiveBlocks(shapes);
  return found === null || shapes("se1.fc.0.weight") === undefined ? null : { ...found, model: "attn" };
}

/** A trunk and a head in one: `maps_3d`, and what fine-tuning saves. */
function joint(shapes: Shapes): Guess | null {
  const inner = below(shapes, "trunk.");
  const slice = customResNet(inner) ?? sliceCnn(inner);
  if (slice === null) return null;
  const head = below(shapes, "head.");
  if (head("reduce.weight") !== undefined && head("block1.conv.weight") !== undefined)
    return { ...slice, model: "maps_3d", alike: [], classes: outputs(head, "classifier") };
  const classes = outputs(head, "classifier");
  const found = flattenHead(head) ?? attentionHead(head) ?? (classes === null ? null : { model: "head", classes });
  if (found === null) return null;
  return {
    ...slice,
    model: `${slice.model} with ${found.model}`,
    alike: [],
    classes: found.classes ?? null,
    slices: found.model === "flatten head" ? quotient(inputs(head, "ffwd.0"), slice.embedding ?? null) : null,
  };
}

/** The volume stage of a run: the published head on stacked embeddings. */
function flattenHead(shapes: Shapes): Guess | null {
  if (shapes("ffwd.0.weight") === undefined || shapes("ffwd.6.weight") === undefined) return null;
  return { model: "flatten head", classes: outputs(shapes, "ffwd.6") };
}

function attentionHead(shapes: Shapes): Guess | null {
  if (shapes("gate.weight") === undefined || shapes("score.weight") === undefined) return null;
  return {
    model: "attention head",
    classes: outputs(shapes, "classifier"),
    embedding: inputs(shapes, "gate"),
  };
}

/** @param cells height times width after pooling   @param pooled how much smaller each has become */
function square(cells: number | null, pooled: number): number[] | null {
  const side = Math.sqrt(cells ?? NaN);
  return Number.isInteger(side) ? [side * pooled, side * pooled] : null;
}

function published(cells: number | null, pooled: number): number[] | null {
  const size = [128, 128, 64];
  return cells === size.reduce((product, n) => product * Math.floor(n / pooled), 1) ? size : null;
}
