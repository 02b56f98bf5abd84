/** What a checkpoint holds: which model of the zoo, and which of its tensors are whose stage. */
import { zeros, type Tensor } from "@slicestack/torch";
import type { RunConfig } from "../config/types.js";
import { guessModel, type ModelGuess } from "./describe-model.js";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { adaptInputChannels } from "./input-channels.js";
import { classifierAsHead } from "./torchvision.js";

type Tensors = ReadonlyMap<string, Tensor>;

export interface Recognised {
  guess: ModelGuess;
  method: RunConfig["method"];
  /** Of the slice model, by its own names; null for a 3D model. */
  slice: Tensors | null;
  /** Of the head, or of the 3D model. */
  volume: Tensors | null;
  /** Whether the slice model's last layer belongs to it, so that its slices can vote. */
  votes: boolean;
  notes: string[];
}

/** @throws CheckpointError where it is no model of the zoo, a head alone, or a trunk alone */
export function recognise(file: string, tensors: Tensors): Recognised {
  const guess = guessModel(tensors);
  if (guess === null) throw unknownModel(file, tensors);
  const { model } = guess;
  const both = { guess, method: "2.5d" as const };
  if (model === "two_stage") return { ...both, ...twoStage(tensors, guess) };
  if (tensors.has("trunk.conv1.weight") || tensors.has("trunk.resnet.conv1.weight")) {
    const trunk = new Map([...below(tensors, "trunk."), ...strangers(tensors, ["trunk.", "head."])]);
    const { tensors: slice, notes } = asGrey(trunk, "resnet.conv1.weight");
    const volume = below(tensors, "head.");
    // Fine-tuning changes the trunk under the last layer of the slice model.
    return { ...both, slice, volume, votes: model === "maps_3d", notes };
  }
  if (model === "custom_resnet" || model === "2d_cnn") {
    const { tensors: slice, notes } = asGrey(tensors, "resnet.conv1.weight");
    return { guess, method: "2d", slice, volume: null, votes: true, notes };
  }
  if (/^resnet\d/.test(model)) return torchvision(file, tensors, guess);
  if (model.endsWith(" head"))
    throw new CheckpointError(
      file,
      `holds ${/^a/.test(model) ? "an" : "a"} ${model} alone, without the slice model whose embeddings it sees`,
      "Score the run folder that it lies in: slicestack evaluate RUN --data DATA.",
    );
  return { guess, method: "3d", slice: null, volume: tensors, votes: false, notes: [] };
}

/** Its slice model has lost its last layer in the published code; where that is still there, its slices can vote. */
function twoStage(tensors: Tensors, guess: ModelGuess): Omit<Recognised, "guess" | "method"> {
  const volume = new Map([...tensors].filter(([name]) => name.startsWith("ffwd.")));
  const { tensors: slice, notes } = asGrey(below(tensors, "resnet."), "resnet.conv1.weight");
  const last = "custom_layers.6";
  const votes = slice.has(`${last}.weight`) && slice.has(`${last}.bias`);
  const whole = new Map([...slice, ...strangers(tensors, ["resnet.", "ffwd."])]);
  if (!votes)
    whole
      .set(`${last}.weight`, zeros([guess.classes ?? 2, guess.embedding ?? 256]))
      .set(`${last}.bias`, zeros([guess.classes ?? 2]));
  const missing = votes ? [] : ["The slice model has no last layer there, so that its slices have no vote."];
  return { slice: whole, volume, votes, notes: [...notes, ...missing] };
}

function torchvision(file: string, tensors: Tensors, guess: ModelGuess): Recognised {
  const { classes, model } = guess;
  if (classes === null || classes === 1000)
    throw new CheckpointError(
      file,
      classes === null ? `holds a ${model} trunk without a classifier` : `holds a ${model} of ImageNet's 1000 classes`,
      `Train from it: slice.pretrained: ${file}, slice.model: ${model}.`,
    );
  const trunk = new Map([...tensors].filter(([name]) => !name.startsWith("fc.")));
  const { tensors: grey, notes } = asGrey(trunk, "conv1.weight");
  const slice = new Map([...grey].map(([name, tensor]): [string, Tensor] => [`resnet.${name}`, tensor]));
  for (const [name, tensor] of classifierAsHead(file, tensors)) slice.set(name, tensor);
  const own = { ...guess, model: "custom_resnet", embedding: 256 };
  const note = "torchvision's classifier fc became the three layers of custom_resnet, which give the same values.";
  return { guess: own, method: "2d", slice, volume: null, votes: true, notes: [...notes, note] };
}

/** A trunk of one channel as one of three that sees the same slice in each: its answers stay what they are. */
function asGrey(tensors: Tensors, first: string): { tensors: Tensors; notes: string[] } {
  const weight = tensors.get(first);
  if (weight?.dim !== 4 || weight.size(1) !== 1) return { tensors, notes: [] };
  const notes = ["Its one input channel became three of a third each, which see the same slice."];
  return { tensors: new Map([...tensors]).set(first, adaptInputChannels(weight, 3)), notes };
}

/** The names below a prefix, without it. */
const below = (tensors: Tensors, prefix: string): Map<string, Tensor> =>
  new Map(
    [...tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]): [string, Tensor] => [name.slice(prefix.length), tensor]),
  );

/** What is of neither stage: it goes with the slice model, which refuses it as unexpected. */
const strangers = (tensors: Tensors, prefixes: readonly string[]): [string, Tensor][] =>
  [...tensors].filter(([name]) => !prefixes.some((prefix) => name.startsWith(prefix)));

const known = [
  "custom_resnet, resnet18, resnet34 and resnet50 (resnet.conv1.weight, custom_layers.0.weight; torchvision: conv1.weight, fc.weight)",
  "2d_cnn and slice_cnn (conv1.weight, fc1.weight)",
  "simple, simplebn, simple_modular, attn and volume_cnn",
  "two_stage (resnet.resnet.conv1.weight, ffwd.0.weight)",
  "maps_3d and fine-tuned runs (trunk.…, head.…)",
].join("; ");

function unknownModel(file: string, tensors: Tensors): CheckpointError {
  const names = [...tensors].slice(0, 6).map(([name, { shape }]) => `${name} [${shape.join(", ")}]`);
  return new CheckpointError(
    file,
    `is of no model that is known here; its ${tensors.size} tensors begin with ${names.join(", ")}`,
    `Known are, by these names: ${known}.`,
  );
}
