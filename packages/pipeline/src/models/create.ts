/** Modules and criteria from the names and options of a configuration. By the contract of a model: create-model.ts. */
import { snakeKeys } from "../config/case.js";
import { componentsOf } from "../config/components.js";
import { ConfigError } from "../config/errors.js";
import type { LossConfig, Options, SliceConfig, VolumeConfig } from "../config/types.js";
import "./catalogue.js";
import { ModelError } from "./common/model-error.js";
import type { VolumeSize } from "./common/sizes.js";
import { componentOf, type HeadShape, type LossComponent } from "./component.js";
import type { Head, HeadSettings } from "./heads/head.js";
import type { Criterion } from "./losses/criterion.js";
import type { VolumeModel } from "./networks/volume-model.js";
import { softmaxOutputs, type ClassOutputs } from "./outputs.js";
import type { ResNetDepth } from "./trunks/resnet.js";
import type { SliceModel } from "./trunks/slice-model.js";

/** Layers of a trunk that torchvision has ImageNet weights of; null where it has none. */
export const trunkDepth = (trunk: string): ResNetDepth | null => componentOf("trunk", trunk).depth ?? null;

/** Slices that a batch, and each piece of it, needs in training. */
export const leastSlices = (trunk: string, size: readonly [number, number]): number =>
  componentOf("trunk", trunk).leastSlices?.(size) ?? 1;

/** Decides the width of the last layer and how it is read; default: the default loss's. */
type Loss = Partial<Pick<SliceConfig, "loss">>;

/** How outputs are read that are trained with a loss. Default: one a class, softmax. */
export const outputsOf = (loss?: string): ClassOutputs =>
  (loss === undefined ? undefined : componentOf("loss", loss).outputs) ?? softmaxOutputs;

export interface SliceModelSettings extends Loss {
  model: string;
  modelOptions?: Options;
  dropout: number;
  /** Input channels: HU windows times neighbouring slices. Default: the trunk's own for a grey slice. */
  channels?: number;
}

/**
 * A slice model whose last layer and its reading are those of the loss.
 * @param size height and width of the slices that the model will see
 * @throws ModelError where the size does not fit
 */
export function createSliceModel(config: SliceModelSettings, classes: number, size: [number, number]): SliceModel {
  const { model, modelOptions = {}, dropout, channels } = config;
  const component = componentOf("trunk", model);
  const outputs = outputsOf(config.loss);
  const shape = {
    outputs: outputs.outputs(classes),
    size,
    dropout,
    channels: channels === undefined ? component.channels : atLeastOne(model, "channels", channels),
  };
  const made = component.create(shape, modelOptions);
  made.camLayers = component.camLayers ?? [];
  made.outputs = outputs;
  return made;
}

/** @throws ModelError where a setting is given that the head does not have, or that does not fit it */
export function createHead(
  config: { head: string; headOptions?: Options; dropout: number } & HeadSettings & Loss,
  {
    classes,
    ...shape
  }: Omit<HeadShape, "dropout" | "outputs" | "mapChannels"> & { classes: number; mapChannels?: number },
): Head {
  const { head, dropout } = config;
  const component = componentOf("head", head);
  const outputs = outputsOf(config.loss);
  const options = { ...config.headOptions, ...settingsOf(head, component.options.shape, config) };
  const made = component.create(
    { mapChannels: shape.embedding, ...shape, outputs: outputs.outputs(classes), dropout },
    options,
  );
  made.sees = component.sees;
  made.outputs = outputs;
  return made;
}

/** The options that the section `volume` has beside the head. */
function settingsOf(head: string, has: object, config: HeadSettings): Options {
  const settings: Options = {};
  for (const name of ["k", "width", "layers"] as const) {
    const value = config[name] ?? null;
    if (value === null) continue;
    if (!(name in has)) {
      const others = componentsOf("head").filter(({ options }) => name in options.shape);
      const remedy = `Leave it out, or take ${others.map((other) => other.name).join(", ")}.`;
      throw new ModelError(head, `has no ${name}, received ${value}`, remedy);
    }
    settings[name] = atLeastOne(head, name, value);
  }
  return settings;
}

/** The published head's. */
const headDropout = 0.2;

/** The head of a configuration, on the embeddings of `trunk` or its maps. @throws ModelError */
export function createHeadFor(
  config: Pick<VolumeConfig, "head" | "headOptions" | "dropout"> & HeadSettings & Loss,
  { embedding, mapChannels }: SliceModel,
  shape: { slices: number; classes: number },
): Head {
  const dropout = config.dropout ?? headDropout;
  return createHead({ ...config, dropout }, { ...shape, embedding, mapChannels });
}

export interface VolumeModelSettings extends Loss {
  model: string;
  modelOptions?: Options;
  /** null or absent: the published one. */
  dropout?: number | null;
  /** For a network that holds a slice model: a trained one, owned by the new model from now on. Default: an untrained one. */
  trunk?: SliceModel;
}

/**
 * @param size height, width and slices of the volumes that the model will see
 * @throws ModelError where the size does not fit, or a trunk is given that the model does not have
 */
export function createVolumeModel(config: VolumeModelSettings, classes: number, size: VolumeSize): VolumeModel {
  const { model, modelOptions = {}, trunk } = config;
  const component = componentOf("network", model);
  if (trunk !== undefined && component.takesTrunk !== true) {
    const others = componentsOf("network").filter((other) => "takesTrunk" in other);
    throw new ModelError(
      model,
      "has no trunk, received one",
      `Leave it out, or take ${others.map(({ name }) => name).join(", ")}.`,
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
  const made = component.create(shape, modelOptions);
  made.camLayers = component.camLayers ?? [];
  made.outputs = outputs;
  return made;
}

function atLeastOne(model: string, name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new ModelError(model, `${name}: expected a whole number from 1 on, received ${value}`, "Correct it.");
}

type CriterionConfig = Omit<LossConfig, "weightedLoss" | "classWeights" | "effectiveBeta">;

/** @throws ConfigError where a list of one value a class has another number of values */
export function createCriterion(stage: string, config: CriterionConfig, classes: number): Criterion {
  const component = componentOf("loss", config.loss);
  const options = { ...stageOptions(stage, component, config, classes), ...config.lossOptions };
  return component.create({ classes, smoothing: config.labelSmoothing, stage }, options);
}

/** The options that the section of the stage has under names of its own. */
function stageOptions(
  stage: string,
  { stageKeys = {} }: LossComponent,
  config: CriterionConfig,
  classes: number,
): Options {
  const settings = new Map<string, unknown>(Object.entries(config));
  const options = Object.entries(stageKeys).map(([option, name]): [string, unknown] => {
    const value = settings.get(name);
    if (!Array.isArray(value) || value.length === classes) return [option, value];
    const key = `${stage}.${Object.keys(snakeKeys({ [name]: value })).join("")}`;
    const message = `${key}: expected ${classes} values, one for each class of the task, received ${value.length}`;
    throw new ConfigError([{ key, message }]);
  });
  return Object.fromEntries(options);
}
