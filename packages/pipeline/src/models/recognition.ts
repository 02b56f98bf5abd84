/** What weights are of, by the names and shapes of their tensors: helpers for the components that recognise theirs. */
import type { Tensor } from "@slicestack/torch";
import { adaptInputChannels } from "../weights/input-channels.js";

/** What is not told by the shapes is null. */
export interface ModelGuess {
  /** The name of a component, e.g. "custom_resnet". */
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

/** The shape of the tensor with this name; undefined if there is no such tensor. */
export type Shapes = (name: string) => readonly number[] | undefined;
export type Guess = Partial<ModelGuess> & { model: string };
type Tensors = ReadonlyMap<string, Tensor>;

/** Tensors by the names of the trunk that takes them. */
export interface AdoptedTensors {
  tensors: Tensors;
  guess: Guess;
  /** Choices made, in sentences for the user. */
  notes: string[];
}

/** The tensors of both stages of 2.5D. */
export interface StageTensors {
  slice: Tensors;
  volume: Tensors;
  /** Whether the slice model's last layer belongs to it, so that its slices can vote. */
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

/** @param cells height times width after pooling   @param pooled how much smaller each has become */
export function square(cells: number | null, pooled: number): number[] | null {
  const side = Math.sqrt(cells ?? NaN);
  return Number.isInteger(side) ? [side * pooled, side * pooled] : null;
}

/** The published size, where it is the one that leaves so many cells. */
export function publishedSize(cells: number | null, pooled: number): number[] | null {
  const size = [128, 128, 64];
  return cells === size.reduce((product, n) => product * Math.floor(n / pooled), 1) ? size : null;
}

/** A trunk of one channel as one of three that sees the same slice in each: its answers stay what they are. */
export function asGrey(tensors: Tensors, first: string): { tensors: Tensors; notes: string[] } {
  const weight = tensors.get(first);
  if (weight?.dim !== 4 || weight.size(1) !== 1) return { tensors, notes: [] };
  const notes = ["Its one input channel became three of a third each, which see the same slice."];
  return { tensors: new Map([...tensors]).set(first, adaptInputChannels(weight, 3)), notes };
}

/** The names below a prefix, without it. */
export const tensorsBelow = (tensors: Tensors, prefix: string): Map<string, Tensor> =>
  new Map(
    [...tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]): [string, Tensor] => [name.slice(prefix.length), tensor]),
  );

/** What is of neither stage: it goes with the slice model, which refuses it as unexpected. */
export const strangers = (tensors: Tensors, prefixes: readonly string[]): [string, Tensor][] =>
  [...tensors].filter(([name]) => !prefixes.some((prefix) => name.startsWith(prefix)));
