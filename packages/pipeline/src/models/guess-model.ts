/**
 * Recognises the model of weights by names and shapes alone, by asking each component in turn.
 * Garg, Garg, Duncan, Electronics 14(13), 2571, 2025 (the published names); torchvision's ResNets; heads of a run.
 */
import type { StoredTensor } from "@slicestack/torch/safetensors";
import { componentsOf } from "../config/components.js";
import "./catalogue.js";
import type { HeadComponent, NetworkComponent, TrunkComponent } from "./component.js";
import { below, outputs, type Guess, type ModelGuess, type Shapes } from "./recognition.js";

export type { ModelGuess } from "./recognition.js";

type Stored = ReadonlyMap<string, Pick<StoredTensor, "shape">>;

/** @returns null if no component recognises them */
export function guessModel(stored: Stored): ModelGuess | null {
  const shapes = shapesOf(stored);
  // Outer models first: their names contain those of inner models after a prefix.
  const guess =
    joint(shapes) ??
    first("network", shapes)?.guess ??
    first("trunk", shapes)?.guess ??
    first("head", shapes)?.guess;
  if (guess === undefined) return null;
  return {
    alike: [],
    depth: null,
    classes: null,
    embedding: null,
    slices: null,
    channels: null,
    inputSize: null,
    ...guess,
  };
}

export const shapesOf =
  (stored: Stored): Shapes =>
  (name) =>
    stored.get(name)?.shape;

interface ByKind {
  trunk: TrunkComponent;
  head: HeadComponent;
  network: NetworkComponent;
}

/** The first component of a kind that recognises the weights. @param embedding the width of the embeddings that a head receives */
export function first<K extends keyof ByKind>(
  kind: K,
  shapes: Shapes,
  embedding: number | null = null,
): { component: ByKind[K]; guess: Guess } | undefined {
  const matching = (componentsOf(kind) as readonly ByKind[K][]).flatMap((component) => {
    const guess = component.recognise?.(shapes, embedding) ?? null;
    return guess === null ? [] : [{ component, guess }];
  });
  const [match, ...others] = matching;
  // Components with the same names and shapes differ in properties that weights do not show.
  return (
    match && { ...match, guess: { alike: others.map(({ component }) => component.name), ...match.guess } }
  );
}

/** A trunk and a head in one file, as saved by fine-tuning and for some published networks. */
function joint(shapes: Shapes): Guess | undefined {
  const slice = first("trunk", below(shapes, "trunk."))?.guess;
  if (slice === undefined) return undefined;
  const ofHead = below(shapes, "head.");
  const head = first("head", ofHead, slice.embedding ?? null);
  const classes = outputs(ofHead, "classifier");
  if (head === undefined && classes === null) return undefined;
  const { guess = { model: "head", classes }, component } = head ?? {};
  const whole =
    component?.sees === "maps"
      ? { model: guess.model }
      : { model: `${slice.model} with ${guess.model}`, slices: guess.slices ?? null };
  return { ...slice, ...whole, alike: [], classes: guess.classes ?? null };
}
