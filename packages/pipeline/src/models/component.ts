/**
 * The components of models and training: trunks, heads, networks, losses, augmentations and selection metrics. Each is defined
 * once, with its name, options and factory; the configuration, the reference, the recognition of weights and Grad-CAM use
 * this definition. A built-in component is a file and an entry in catalogue.ts; any other is exported by a plug-in.
 */
import type { Tensor } from "@slicestack/torch";
import { z } from "zod";
import { optionProblems } from "../config/choice.js";
import {
  findComponent,
  type Component,
  type ComponentKind,
  type PublishedName,
} from "../config/components.js";
import { noteDefined } from "../config/loaded-plugins.js";
import type { CamLayers } from "./cam-layers.js";
import { ModelError } from "./common/model-error.js";
import type { VolumeSize } from "./common/input-sizes.js";
import type { Head } from "./heads/head.js";
import type { Criterion } from "./losses/criterion.js";
import type { VolumeModel } from "./networks/volume-model.js";
import type { ClassOutputs } from "./outputs.js";
import type { AdoptedTensors, Guess, Shapes, StageTensors } from "./recognition.js";
import type { ResNetDepth } from "./trunks/resnet.js";
import type { SliceModel } from "./trunks/slice-model.js";

/** What the definition of any component contains. */
export interface Described<S extends z.ZodObject> {
  name: string;
  /** Authors, venue, year; "own" for your own design. */
  source: string;
  /** The layers or the formula in a few words. */
  architecture?: string;
  /** The schema of its options, each of which needs a default. Default: no options. */
  options?: S;
  /** A short explanation that the reference adds to its name. */
  hint?: string;
  isSetting?: boolean;
  planned?: string;
}

export interface RecognisedWeights {
  /** Recognises weights of this component by their names and shapes alone. */
  recognise?: (shapes: Shapes, embedding?: number | null) => Guess | null;
  /** The tensor names by which it is recognised, for the error about unknown weights. */
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
  /** The setting that selects it, if that is not `slice.model` with its name. */
  setting?: string;
  /** Its input channels for slices with one value per pixel: 3 if it expects a colour image. Default 1. */
  channels?: number;
  /** The depth of a ResNet for which torchvision has weights for ImageNet. */
  depth?: ResNetDepth;
  /** The smallest number of slices in a batch, and in each piece of it, in training at a size. Default 1. */
  leastSlices?: (size: readonly [number, number]) => number;
  camLayers?: CamLayers;
  published?: PublishedName | undefined;
  /** Converts foreign weights to the names of this trunk. Default: unchanged. */
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
  /** "maps": forward receives maps_BSFhw instead of embedding_BSE. Default "embedding". */
  sees?: "embedding" | "maps" | undefined;
  /** Whether it has weights for each slice position, so that all volumes need the same number of slices. */
  needsOneDepth?: boolean | undefined;
  /** Why it does not support ordered classes, if it does not: a clause that follows its name. */
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
  /** Absent: the default of the network. */
  dropout?: number;
  /** For a network that contains a slice model: a trained one, which it takes ownership of. */
  trunk?: SliceModel;
}

export interface NetworkFacts extends RecognisedWeights {
  camLayers?: CamLayers;
  /** Whether it pools over the whole volume, so that its weights fit volumes of any size. */
  anySize?: boolean;
  /** Whether it accepts a trained slice model. */
  takesTrunk?: boolean;
  published?: PublishedName | undefined;
  /** The setting that selects it, if that is not `network.model`. */
  setting?: string;
  /** For a model with two stages in one file: assigns the tensors to the stages. */
  stages?: (tensors: ReadonlyMap<string, Tensor>, guess: Guess) => StageTensors;
}

export interface NetworkComponent extends Component, NetworkFacts {
  readonly kind: "network";
  create: (shape: NetworkShape, options: Record<string, unknown>) => VolumeModel;
}

export interface LossShape {
  classes: number;
  /** The fraction of the target that is spread over all classes. */
  smoothing: number;
  /** The share of each class in the training items. */
  shares: readonly number[];
  /** The section of the configuration that names the loss, for error messages. */
  section: string;
}

export interface LossFacts {
  /** The number of outputs and their interpretation. Default: one per class, softmax. */
  outputs?: ClassOutputs | undefined;
  /** Whether it requires ordered classes. */
  isOrdinal?: boolean | undefined;
  /** Whether it is minimal at the true probabilities (a proper score). Default true. */
  isProper?: boolean;
  /** Whether it corrects for class frequencies, so that a sampler or class weights that do so as well correct twice. */
  correctsFrequencies?: boolean | undefined;
}

export interface LossComponent extends Component, LossFacts {
  readonly kind: "loss";
  /** The model's probabilities are those of data in which class k is π_k^-power times as frequent as in training. Default 0. */
  priorPower?: (options: Record<string, unknown>) => number;
  create: (shape: LossShape, options: Record<string, unknown>) => Criterion;
}

/** The scores of an epoch on the validation set. */
export interface EpochScores {
  /** The true class of each volume. */
  labels: readonly number[];
  /** Volumes x classes. */
  probabilities: readonly (readonly number[])[];
  classes: number;
  /** Mean negative logarithm of the probability of the true class. */
  loss: number;
  accuracy: number;
  balancedAccuracy: number;
  macroF1: number;
  /** Mean over the classes, each against the rest; NaN if only one class is present. */
  auroc: number;
  quadraticKappa: number;
}

export interface MetricFacts {
  /** Its display name. Default: its name. */
  label?: string | undefined;
  /** Default false. */
  lowerIsBetter?: boolean | undefined;
  /** Whether it is NaN if the validation set has only one class. */
  needsTwoClasses?: boolean;
  isOrdinal?: boolean | undefined;
}

export interface MetricComponent extends Component, MetricFacts {
  readonly kind: "metric";
  readonly label: string;
  /** NaN if it is undefined; the loss then decides. */
  value: (scores: EpochScores, options: Record<string, unknown>) => number;
}

/** The source of an augmentation's random numbers: the same for the same seed, epoch and step. */
export interface Draws {
  /** Uniform between low and high; default 0 to 1. */
  uniform(low?: number, high?: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** An integer between low and high, both included. */
  integer(low: number, high: number): number;
}

export interface AugmentationComponent extends Component {
  readonly kind: "augmentation";
  /** The random draw for one sample; null leaves the sample unchanged. */
  draw: (random: Draws, options: Record<string, unknown>) => unknown;
  /** Changes the n samples that have a draw: x_nC…, values 0..1, and their draws → the same shape. */
  apply: (x: Tensor, drawn: readonly unknown[]) => Tensor;
}

/** Defines a trunk, which computes the embedding of a slice: x_BCHW → embedding_BE. */
export function defineTrunk<S extends z.ZodObject>(
  definition: Described<S> & TrunkFacts & { create: (shape: TrunkShape, options: z.output<S>) => SliceModel },
): TrunkComponent {
  return define<S, TrunkComponent>("trunk", definition, { channels: definition.channels ?? 1 });
}

/** Defines a head, which classifies a volume from the embeddings of its slices: embedding_BSE, mask_BS → logits_BO. */
export function defineHead<S extends z.ZodObject>(
  definition: Described<S> & HeadFacts & { create: (shape: HeadShape, options: z.output<S>) => Head },
): HeadComponent {
  return define<S, HeadComponent>("head", definition, { sees: definition.sees ?? "embedding" });
}

/** Defines a 3D network, which classifies a volume: x_B1HWD → logits_BO. */
export function defineNetwork<S extends z.ZodObject>(
  definition: Described<S> &
    NetworkFacts & { create: (shape: NetworkShape, options: z.output<S>) => VolumeModel },
): NetworkComponent {
  return define<S, NetworkComponent>("network", definition, {});
}

/** Defines a loss, which a stage minimises. */
export function defineLoss<S extends z.ZodObject>(
  definition: Described<S> &
    LossFacts & {
      create: (shape: LossShape, options: z.output<S>) => Criterion;
      priorPower?: (options: z.output<S>) => number;
    },
): LossComponent {
  return define<S, LossComponent>("loss", definition, { outputs: definition.outputs });
}

/** Defines a selection metric, which chooses the best epoch on the validation set. */
export function defineMetric<S extends z.ZodObject>(
  definition: Described<S> & MetricFacts & { value: (scores: EpochScores, options: z.output<S>) => number },
): MetricComponent {
  return define<S, MetricComponent>("metric", definition, { label: definition.label ?? definition.name });
}

/** Defines an augmentation, a random change of training slices or whole volumes that follows the built-in ones. */
export function defineAugmentation<S extends z.ZodObject, D>(
  definition: Described<S> & {
    draw: (random: Draws, options: z.output<S>) => D | null;
    apply: (x: Tensor, drawn: readonly D[]) => Tensor;
  },
): AugmentationComponent {
  // Only built-in augmentations belong to presets (augment/transform.ts defines them).
  return define<S, AugmentationComponent>("augmentation", definition, { presets: undefined });
}

/** The functions of a definition whose last argument is its options. */
const WITH_OPTIONS = ["create", "value", "draw"];
/** The functions of a definition whose only argument is its options. */
const OF_OPTIONS = ["priorPower"];

/** Completes a definition; options are checked and completed wherever one of its functions receives them. */
function define<S extends z.ZodObject, C extends Component>(
  kind: C["kind"],
  definition: Described<S>,
  facts: Partial<C>,
): C {
  const options = definition.options ?? z.strictObject({});
  const complete = onceFor((given) => optionsOf({ kind, name: definition.name, options }, given));
  const entries = Object.entries(definition).map(([field, value]: [string, unknown]): [string, unknown] => {
    if (OF_OPTIONS.includes(field)) {
      const call = value as (options: unknown) => unknown;
      return [field, (given: unknown) => call(complete(given ?? {}))];
    }
    if (!WITH_OPTIONS.includes(field) || typeof value !== "function") return [field, value];
    const call = value as (first: unknown, options: unknown) => unknown;
    return [field, (first: unknown, given: unknown) => call(first, complete(given ?? {}))];
  });
  const architecture = definition.architecture ?? "";
  return noteDefined({
    ...Object.fromEntries(entries),
    kind,
    architecture,
    options,
    ...facts,
  } as unknown as C);
}

/** An augmentation draws with the same options for every sample: what they become is kept as long as they are. */
function onceFor<T>(make: (given: object) => T): (given: object) => T {
  const made = new WeakMap<object, { value: T }>();
  return (given) => {
    const kept = made.get(given) ?? { value: make(given) };
    made.set(given, kept);
    return kept.value;
  };
}

/** @throws ModelError which names the option */
function optionsOf(component: Pick<Component, "kind" | "name" | "options">, given: object): unknown {
  const parsed = component.options.safeParse(given);
  if (parsed.success) return parsed.data;
  const [problem] = optionProblems(component, { ...given });
  const { option = [], message = "expected other options" } = problem ?? {};
  throw new ModelError(component.name, `${["options", ...option].join(".")}: ${message}`, "Correct it.");
}

interface ComponentOf {
  trunk: TrunkComponent;
  head: HeadComponent;
  network: NetworkComponent;
  loss: LossComponent;
  metric: MetricComponent;
  augmentation: AugmentationComponent;
}

/** @throws ModelError if no component has this name, for example because its plug-in is not loaded */
export function componentOf<K extends ComponentKind>(kind: K, name: string): ComponentOf[K] {
  const found = findComponent(kind, name);
  if (found !== undefined) return found as ComponentOf[K];
  throw new ModelError(
    name,
    `is not a known ${kind}`,
    "Correct the name, or list the plug-in that defines it under plugins.",
  );
}
