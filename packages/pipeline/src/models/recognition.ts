/** Helpers with which components recognise their weights by the names and shapes of the tensors. */
import type { Tensor } from "@slicestack/torch";
import { adaptInputChannels } from "../weights/input-channels.js";

/** What names and shapes show about a model; null for what they do not show. */
export interface ModelGuess {
  /** The name of a component, e.g. "custom_resnet". */
  model: string;
  /** Other components with the same names and shapes. */
  alike: string[];
  /** The depth of the ResNet trunk. */
  depth: 18 | 34 | 50 | null;
  classes: number | null;
  /** Width of a slice's embedding. */
  embedding: number | null;
  /** Slices of a volume. */
  slices: number | null;
  /** Input channels. */
  channels: number | null;
  /** Height, width and, for 3D models, depth. If only their product is known: the square, or the published 128 x 128 x 64, that fits it. */
  inputSize: number[] | null;
}

/** The shape of the tensor with this name; undefined if there is no such tensor. */
export type Shapes = (name: string) => readonly number[] | undefined;
export type Guess = Partial<ModelGuess> & { model: string };
type Tensors = ReadonlyMap<string, Tensor>;

/** Tensors under the names of the trunk that they are loaded into. */
export interface AdoptedTensors {
  tensors: Tensors;
  guess: Guess;
  /** What was converted, in sentences for the user. */
  notes: string[];
}

/** The tensors of both stages of 2.5D. */
export interface StageTensors {
  slice: Tensors;
  volume: Tensors;
  /** Whether the last layer of the slice model was trained with it, so that its slices can vote. */
  votes: boolean;
  notes: string[];
}

export const below =
  (shapes: Shapes, prefix: string): Shapes =>
  (name) =>
    shapes(`${prefix}${name}`);
export const outputs = (shapes: Shapes, name: string) => shapes(`${name}.weight`)?.[0] ?? null;
export const inputs = (shapes: Shapes, name: string) => shapes(`${name}.weight`)?.[1] ?? null;
export const quotient = (a: number | null, b: number | null) =>
  a !== null && b !== null && b > 0 && a % b === 0 ? a / b : null;

/** @param cells height times width after pooling   @param pooled the factor by which each side was reduced */
export function square(cells: number | null, pooled: number): number[] | null {
  const side = Math.sqrt(cells ?? NaN);
  return Number.isInteger(side) ? [side * pooled, side * pooled] : null;
}

/** The published size if it leaves this many cells, otherwise null. */
export function publishedSize(cells: number | null, pooled: number): number[] | null {
  const size = [128, 128, 64];
  return cells === size.reduce((product, n) => product * Math.floor(n / pooled), 1) ? size : null;
}

/** Turns a trunk with one input channel into one with three that receive the same slice; its outputs do not change. */
export function asGrey(tensors: Tensors, first: string): { tensors: Tensors; notes: string[] } {
  const weight = tensors.get(first);
  if (weight?.dim !== 4 || weight.size(1) !== 1) return { tensors, notes: [] };
  const notes = [
    "Its one input channel became three, each with a third of the weights; all three receive the same slice.",
  ];
  return { tensors: new Map([...tensors]).set(first, adaptInputChannels(weight, 3)), notes };
}

/** The tensors whose names begin with a prefix, under their names without it. */
export const tensorsBelow = (tensors: Tensors, prefix: string): Map<string, Tensor> =>
  new Map(
    [...tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]): [string, Tensor] => [name.slice(prefix.length), tensor]),
  );

/** The tensors that belong to neither stage. They are passed to the slice model, which refuses them as unexpected. */
export const unclaimed = (tensors: Tensors, prefixes: readonly string[]): [string, Tensor][] =>
  [...tensors].filter(([name]) => !prefixes.some((prefix) => name.startsWith(prefix)));
