/** Creates modules and criteria from the names and options of a configuration; create-model.ts creates them from a ModelSpec. */
import type { Choice } from "../config/choice.js";
import { componentsOf } from "../config/components.js";
import type { HeadConfig, LossConfig } from "../config/types.js";
import "./catalogue.js";
import { ModelError } from "./common/model-error.js";
import type { VolumeSize } from "./common/input-sizes.js";
import { componentOf, type HeadShape } from "./component.js";
import type { Head } from "./heads/head.js";
import type { Criterion } from "./losses/criterion.js";
import type { VolumeModel } from "./networks/volume-model.js";
import { softmaxOutputs, type ClassOutputs } from "./outputs.js";
import type { ResNetDepth } from "./trunks/resnet.js";
import type { SliceModel } from "./trunks/slice-model.js";

/** The depth of a trunk for which torchvision has weights for ImageNet; null for other trunks. */
export const trunkDepth = (trunk: string): ResNetDepth | null => componentOf("trunk", trunk).depth ?? null;

/** The smallest number of slices in a batch, and in each piece of it, in training. */
export const leastSlices = (trunk: string, size: readonly [number, number]): number =>
  componentOf("trunk", trunk).leastSlices?.(size) ?? 1;

/** A component by its name, or with options, as a section of the configuration has it. */
type Named = string | Choice;

const choiceOf = (component: Named): Choice =>
  typeof component === "string" ? { name: component, options: {} } : component;

interface Loss {
  /** The loss determines the width of the last layer and how it is interpreted. Default: the default loss. */
  loss?: Named;
}

/** How outputs that were trained with a loss are interpreted. Default: one per class, softmax. */
export const outputsOf = (loss?: Named): ClassOutputs =>
  (loss === undefined ? undefined : componentOf("loss", choiceOf(loss).name).outputs) ?? softmaxOutputs;

export interface SliceModelSettings extends Loss {
  model: Named;
  dropout: number;
  /** Input channels: HU windows times neighbouring slices. Default: those of the trunk for a grey slice. */
  channels?: number;
}

/**
 * Creates a slice model whose last layer fits the loss.
 * @param size height and width of the slices that the model will see
 * @throws ModelError if the size does not fit
 */
export function createSliceModel(
  config: SliceModelSettings,
  classes: number,
  size: [number, number],
): SliceModel {
  const { dropout, channels } = config;
  const { name, options } = choiceOf(config.model);
  const component = componentOf("trunk", name);
  const outputs = outputsOf(config.loss);
  const shape = {
    outputs: outputs.outputs(classes),
    size,
    dropout,
    channels: channels === undefined ? component.channels : atLeastOne(name, "channels", channels),
  };
  const created = component.create(shape, options);
  created.camLayers = component.camLayers ?? [];
  created.outputs = outputs;
  return created;
}

export interface HeadSettings extends Loss {
  model: Named;
  dropout: number;
}

/** @throws ModelError if the head does not have an option, or its value does not fit */
export function createHead(
  config: HeadSettings,
  {
    classes,
    ...shape
  }: Omit<HeadShape, "dropout" | "outputs" | "mapChannels"> & { classes: number; mapChannels?: number },
): Head {
  const { name, options } = choiceOf(config.model);
  const component = componentOf("head", name);
  const outputs = outputsOf(config.loss);
  const created = component.create(
    { mapChannels: shape.embedding, ...shape, outputs: outputs.outputs(classes), dropout: config.dropout },
    options,
  );
  created.sees = component.sees;
  created.outputs = outputs;
  return created;
}

/** The dropout of the published head. */
const headDropout = 0.2;

/** Creates the head of a configuration, on the embeddings or the maps of `trunk`. @throws ModelError */
export function createHeadFor(
  config: Omit<HeadSettings, "dropout"> & Pick<HeadConfig, "dropout">,
  { embedding, mapChannels }: SliceModel,
  shape: { slices: number; classes: number },
): Head {
  const dropout = config.dropout ?? headDropout;
  return createHead({ ...config, dropout }, { ...shape, embedding, mapChannels });
}

export interface VolumeModelSettings extends Loss {
  model: Named;
  /** null or absent: the published value. */
  dropout?: number | null;
  /** For a network that contains a slice model: a trained one, which the new model takes ownership of. Default: an untrained one. */
  trunk?: SliceModel;
}

/**
 * @param size height, width and slices of the volumes that the model will see
 * @throws ModelError if the size does not fit, or a trunk is given to a model without one
 */
export function createVolumeModel(
  config: VolumeModelSettings,
  classes: number,
  size: VolumeSize,
): VolumeModel {
  const { trunk } = config;
  const { name, options } = choiceOf(config.model);
  const component = componentOf("network", name);
  if (trunk !== undefined && component.takesTrunk !== true) {
    const others = componentsOf("network").filter((other) => "takesTrunk" in other);
    throw new ModelError(
      name,
      "has no trunk, received one",
      `Leave it out, or choose ${others.map((other) => other.name).join(", ")}.`,
    );
  }
  const outputs = outputsOf(config.loss);
  const dropout = config.dropout ?? null;
  const shape = {
    outputs: outputs.outputs(classes),
    size,
    ...(dropout === null ? {} : { dropout }),
    ...(trunk === undefined ? {} : { trunk }),
  };
  const created = component.create(shape, options);
  created.camLayers = component.camLayers ?? [];
  created.outputs = outputs;
  return created;
}

function atLeastOne(model: string, name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new ModelError(
    model,
    `${name}: expected a whole number of at least 1, received ${value}`,
    "Correct it.",
  );
}

/**
 * @param section of the configuration, for error messages   @param shares of the classes in training; default equal ones
 * @throws ConfigError if an option with one value per class has the wrong length
 */
export function createCriterion(
  section: string,
  { loss, labelSmoothing }: Pick<LossConfig, "loss" | "labelSmoothing">,
  classes: number,
  shares: readonly number[] = new Array<number>(classes).fill(1 / classes),
): Criterion {
  const shape = { classes, smoothing: labelSmoothing, shares, section };
  return componentOf("loss", loss.name).create(shape, loss.options);
}
