/**
 * What a model is put together from: trunks, heads, networks, losses, augmentations and selection metrics. Each is defined
 * once, with its name, its options and how it is made; configuration, reference, recognition of weights and Grad-CAM ask
 * the definition. Built in = a file of its own and a line in catalogue.ts; from outside = a plug-in that exports it.
 */
import type { Tensor } from "@slicestack/torch";
import { z } from "zod";
import { findComponent, type Component, type ComponentKind, type PublishedName } from "../config/components.js";
import { noteDefined } from "../config/plugins.js";
import type { CamLayers } from "./cam-layers.js";
import { ModelError } from "./common/model-error.js";
import type { VolumeSize } from "./common/sizes.js";
import type { Head } from "./heads/head.js";
import type { Criterion } from "./losses/criterion.js";
import type { VolumeModel } from "./networks/volume-model.js";
import type { ClassOutputs } from "./outputs.js";
import type { AdoptedTensors, Guess, Shapes, StageTensors } from "./recognition.js";
import type { ResNetDepth } from "./trunks/resnet.js";
import type { SliceModel } from "./trunks/slice-model.js";

/** What any definition may say. */
export interface Described<S extends z.ZodObject> {
  name: string;
  /** Authors, place, year; "own" for a design of your own. */
  source: string;
  /** Layers or formula in a few words. */
  architecture?: string;
  /** Default: it has none. Each option needs a default. */
  options?: S;
  /** What the reference adds to its name, in a clause. */
  hint?: string;
  isSetting?: boolean;
  planned?: string;
}

export interface RecognisedWeights {
  /** Whether weights are its own, by their names and shapes alone. */
  recognise?: (shapes: Shapes, embedding?: number | null) => Guess | null;
  /** Names that it is known by, for the error where weights are of no known model. */
  signature?: string;
}

export interface TrunkShape {
  /** Width of the last layer. */
  outputs: number;
  /** Height and width of the slices. */
  size: [number, number];
  dropout: number;
  /** Input channels: HU windows times neighbouring slices. */
  channels: number;
}

export interface TrunkFacts extends RecognisedWeights {
  /** The setting that chooses it, where it is not `slice.model` with its name. */
  setting?: string;
  /** Channels of its input where a slice has one value a pixel: 3 where it expects a colour image. Default 1. */
  channels?: number;
  /** Layers of a ResNet that torchvision has ImageNet weights of. */
  depth?: ResNetDepth;
  /** Slices that a batch, and each piece of it, needs in training at a size. Default 1. */
  leastSlices?: (size: readonly [number, number]) => number;
  camLayers?: CamLayers;
  published?: PublishedName | undefined;
  /** The tensors of foreign weights by the names of this trunk. Default: as they are. */
  adopt?: (file: string, tensors: ReadonlyMap<string, Tensor>, guess: Guess) => AdoptedTensors;
}

export interface TrunkComponent extends Component, TrunkFacts {
  readonly kind: "trunk";
  readonly channels: number;
  create: (shape: TrunkShape, options: Record<string, unknown>) => SliceModel;
}

export interface HeadShape {
  /** Width of a slice's embedding. */
  embedding: number;
  /** Channels of the trunk's last maps, for a head that sees maps. */
  mapChannels: number;
  /** Slices of the deepest volume. */
  slices: number;
  /** Width of the last layer. */
  outputs: number;
  dropout: number;
}

export interface HeadFacts extends RecognisedWeights {
  /** "maps": forward gets maps_BSFhw in place of embedding_BSE. Default "embedding". */
  sees?: "embedding" | "maps" | undefined;
  /** Has weights for each place of a slice, so that every volume needs the same number of slices. */
  needsOneDepth?: boolean | undefined;
  /** Why it cannot tell grades in order, where it cannot: a clause after its name. */
  refusesGrades?: string | undefined;
}

export interface HeadComponent extends Component, HeadFacts {
  readonly kind: "head";
  readonly sees: "embedding" | "maps";
  create: (shape: HeadShape, options: Record<string, unknown>) => Head;
}

export interface NetworkShape {
  outputs: number;
  /** Height, width and slices of the volumes. */
  size: VolumeSize;
  /** Absent: the network's own. */
  dropout?: number;
  /** For a network that holds a slice model: a trained one, owned by it from now on. */
  trunk?: SliceModel;
}

export interface NetworkFacts extends RecognisedWeights {
  camLayers?: CamLayers;
  /** Pools over the whole volume, so that volumes of any size fit its weights. */
  anySize?: boolean;
  /** Takes a trained slice model. */
  takesTrunk?: boolean;
  published?: PublishedName | undefined;
  /** The setting that chooses it, where it is not `volume.model`. */
  setting?: string;
  /** A model of two stages in one file: which tensors are whose. */
  stages?: (tensors: ReadonlyMap<string, Tensor>, guess: Guess) => StageTensors;
}

export interface NetworkComponent extends Component, NetworkFacts {
  readonly kind: "network";
  create: (shape: NetworkShape, options: Record<string, unknown>) => VolumeModel;
}

export interface LossShape {
  classes: number;
  /** Share of the target that is spread over all classes. */
  smoothing: number;
  /** Names the stage in errors. */
  stage: string;
}

export interface LossFacts {
  /** How many values the last layer has, and how they are read. Default: one a class, softmax. */
  outputs?: ClassOutputs | undefined;
  /** Only for classes that are grades in order. */
  isOrdinal?: boolean | undefined;
  /** Whether what it minimises is least at the true probabilities. Default true. */
  isProper?: boolean;
  /** Options that the section of a stage has under another name: option → that name in camelCase. */
  stageKeys?: Readonly<Record<string, string>> | undefined;
}

export interface LossComponent extends Component, LossFacts {
  readonly kind: "loss";
  create: (shape: LossShape, options: Record<string, unknown>) => Criterion;
}

/** What an epoch is scored by on the validation set. */
export interface EpochScores {
  /** Class of each volume. */
  labels: readonly number[];
  /** Volumes x classes. */
  probabilities: readonly (readonly number[])[];
  classes: number;
  /** Mean negative logarithm of the probability of the true class. */
  loss: number;
  accuracy: number;
  balancedAccuracy: number;
  macroF1: number;
  /** Mean of the classes against the rest; NaN where only one class is there. */
  auroc: number;
  quadraticKappa: number;
}

export interface MetricFacts {
  /** As people call it. Default: its name. */
  label?: string | undefined;
  /** Default false. */
  lowerIsBetter?: boolean | undefined;
  /** NaN where the validation set has one class alone. */
  needsTwoClasses?: boolean;
  isOrdinal?: boolean | undefined;
}

export interface MetricComponent extends Component, MetricFacts {
  readonly kind: "metric";
  readonly label: string;
  /** NaN where it is undefined: the loss decides then. */
  value: (scores: EpochScores, options: Record<string, unknown>) => number;
}

/** The source of an augmentation's random numbers: the same for the same seed, epoch and step. */
export interface Draws {
  /** Evenly from low to high; default 0 to 1. */
  uniform(low?: number, high?: number): number;
  /** True with a probability. */
  chance(probability: number): boolean;
  /** A whole number, both ends included. */
  integer(low: number, high: number): number;
}

export interface AugmentationComponent extends Component {
  readonly kind: "augmentation";
  /** One sample's draw; null leaves the sample as it is. */
  draw: (random: Draws, options: Record<string, unknown>) => unknown;
  /** x_nC… of the n samples that have a draw, values 0..1, and their draws → the same shape. */
  apply: (x: Tensor, drawn: readonly unknown[]) => Tensor;
}

/** A trunk: a slice to its embedding, x_BCHW → embedding_BE. */
export function defineTrunk<S extends z.ZodObject>(
  definition: Described<S> & TrunkFacts & { create: (shape: TrunkShape, options: z.output<S>) => SliceModel },
): TrunkComponent {
  return define<S, TrunkComponent>("trunk", definition, { channels: definition.channels ?? 1 });
}

/** A head: the embeddings of a volume's slices to its class, embedding_BSE, mask_BS → logits_BO. */
export function defineHead<S extends z.ZodObject>(
  definition: Described<S> & HeadFacts & { create: (shape: HeadShape, options: z.output<S>) => Head },
): HeadComponent {
  return define<S, HeadComponent>("head", definition, { sees: definition.sees ?? "embedding" });
}

/** A 3D network: a volume to its class, x_B1HWD → logits_BO. */
export function defineNetwork<S extends z.ZodObject>(
  definition: Described<S> & NetworkFacts & { create: (shape: NetworkShape, options: z.output<S>) => VolumeModel },
): NetworkComponent {
  return define<S, NetworkComponent>("network", definition, {});
}

/** A loss: what a stage minimises. */
export function defineLoss<S extends z.ZodObject>(
  definition: Described<S> & LossFacts & { create: (shape: LossShape, options: z.output<S>) => Criterion },
): LossComponent {
  return define<S, LossComponent>("loss", definition, { outputs: definition.outputs });
}

/** A selection metric: what chooses the best epoch on the validation set. */
export function defineMetric<S extends z.ZodObject>(
  definition: Described<S> & MetricFacts & { value: (scores: EpochScores, options: z.output<S>) => number },
): MetricComponent {
  return define<S, MetricComponent>("metric", definition, { label: definition.label ?? definition.name });
}

/** An augmentation: a random change of training slices, or of whole volumes, after the built-in ones. */
export function defineAugmentation<S extends z.ZodObject, D>(
  definition: Described<S> & {
    draw: (random: Draws, options: z.output<S>) => D | null;
    apply: (x: Tensor, drawn: readonly D[]) => Tensor;
  },
): AugmentationComponent {
  return define<S, AugmentationComponent>("augmentation", definition, {});
}

/** The functions of a definition that take its options last. */
const WITH_OPTIONS = ["create", "value", "draw"];

/** The definition with what it leaves out, its options checked and completed wherever they are taken. */
function define<S extends z.ZodObject, C extends Component>(
  kind: C["kind"],
  definition: Described<S>,
  facts: Partial<C>,
): C {
  const options = definition.options ?? z.strictObject({});
  const { name } = definition;
  const entries = Object.entries(definition).map(([field, value]: [string, unknown]): [string, unknown] => {
    if (!WITH_OPTIONS.includes(field) || typeof value !== "function") return [field, value];
    const call = value as (first: unknown, options: unknown) => unknown;
    return [field, (first: unknown, given: unknown) => call(first, optionsOf(name, options, given ?? {}))];
  });
  const architecture = definition.architecture ?? "";
  return noteDefined({ ...Object.fromEntries(entries), kind, architecture, options, ...facts } as unknown as C);
}

/** @throws ModelError which names the option */
function optionsOf(name: string, schema: z.ZodObject, given: unknown): unknown {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ModelError(
    name,
    `${issue?.path.join(".") ?? "options"}: ${issue?.message ?? "not as its schema has it"}`,
    "Correct it.",
  );
}

interface ComponentOf {
  trunk: TrunkComponent;
  head: HeadComponent;
  network: NetworkComponent;
  loss: LossComponent;
  metric: MetricComponent;
  augmentation: AugmentationComponent;
}

/** @throws ModelError where there is none of that name: its plug-in is not loaded */
export function componentOf<K extends ComponentKind>(kind: K, name: string): ComponentOf[K] {
  const found = findComponent(kind, name);
  if (found !== undefined) return found as ComponentOf[K];
  throw new ModelError(
    name,
    `no ${kind} of that name is known`,
    "Correct it, or name the plug-in that adds it under plugins.",
  );
}
