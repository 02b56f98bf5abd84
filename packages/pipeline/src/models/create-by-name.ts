/** Creates modules and criteria from the names and options of a configuration; create-from-spec.ts creates them from a ModelSpec. */
import { snakeKeys } from "../config/case.js";
import { componentsOf } from "../config/components.js";
import { ConfigError } from "../config/errors.js";
import type { LossConfig, Options, SliceConfig, VolumeConfig } from "../config/types.js";
import "./catalogue.js";
import { ModelError } from "./common/model-error.js";
import type { VolumeSize } from "./common/input-sizes.js";
import { componentOf, type HeadShape, type LossComponent } from "./component.js";
import type { Head, HeadSettings } from "./heads/head.js";
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

/** The loss determines the width of the last layer and how it is interpreted. Default: the default loss. */
type Loss = Partial<Pick<SliceConfig, "loss">>;

/** How outputs that were trained with a loss are interpreted. Default: one per class, softmax. */
export const outputsOf = (loss?: string): ClassOutputs =>
  (loss === undefined ? undefined : componentOf("loss", loss).outputs) ?? softmaxOutputs;

export interface SliceModelSettings extends Loss {
  model: string;
  modelOptions?: Options;
  dropout: number;
  /** Input channels: HU windows times neighbouring slices. Default: those of the trunk for a grey slice. */
  channels?: number;
}

/**
 * Creates a slice model whose last layer fits the loss.
 * @param size height and width of the slices that the model will see
 * @throws ModelError if the size does not fit
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
  const created = component.create(shape, modelOptions);
  created.camLayers = component.camLayers ?? [];
  created.outputs = outputs;
  return created;
}

/** @throws ModelError if the head does not have a setting, or its value does not fit */
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
  const created = component.create(
    { mapChannels: shape.embedding, ...shape, outputs: outputs.outputs(classes), dropout },
    options,
  );
  created.sees = component.sees;
  created.outputs = outputs;
  return created;
}

/** The options of the head that are set directly in the section `volume`. */
function settingsOf(head: string, has: object, config: HeadSettings): Options {
  const settings: Options = {};
  for (const name of ["k", "width", "layers"] as const) {
    const value = config[name] ?? null;
    if (value === null) continue;
    if (!(name in has)) {
      const others = componentsOf("head").filter(({ options }) => name in options.shape);
      const remedy = `Leave it out, or choose ${others.map((other) => other.name).join(", ")}.`;
      throw new ModelError(head, `has no ${name}, received ${value}`, remedy);
    }
    settings[name] = atLeastOne(head, name, value);
  }
  return settings;
}

/** The dropout of the published head. */
const headDropout = 0.2;

/** Creates the head of a configuration, on the embeddings or the maps of `trunk`. @throws ModelError */
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
  /** null or absent: the published value. */
  dropout?: number | null;
  /** For a network that contains a slice model: a trained one, which the new model takes ownership of. Default: an untrained one. */
  trunk?: SliceModel;
}

/**
 * @param size height, width and slices of the volumes that the model will see
 * @throws ModelError if the size does not fit, or a trunk is given to a model without one
 */
export function createVolumeModel(config: VolumeModelSettings, classes: number, size: VolumeSize): VolumeModel {
  const { model, modelOptions = {}, trunk } = config;
  const component = componentOf("network", model);
  if (trunk !== undefined && component.takesTrunk !== true) {
    const others = componentsOf("network").filter((other) => "takesTrunk" in other);
    throw new ModelError(
      model,
      "has no trunk, received one",
      `Leave it out, or choose ${others.map(({ name }) => name).join(", ")}.`,
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
  const created = component.create(shape, modelOptions);
  created.camLayers = component.camLayers ?? [];
  created.outputs = outputs;
  return created;
}

function atLeastOne(model: string, name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new ModelError(model, `${name}: expected a whole number of at least 1, received ${value}`, "Correct it.");
}

type CriterionConfig = Omit<LossConfig, "weightedLoss" | "classWeights" | "effectiveBeta">;

/** @throws ConfigError if a list with one value per class has the wrong length */
export function createCriterion(stage: string, config: CriterionConfig, classes: number): Criterion {
  const component = componentOf("loss", config.loss);
  const options = { ...stageOptions(stage, component, config, classes), ...config.lossOptions };
  return component.create({ classes, smoothing: config.labelSmoothing, stage }, options);
}

/** The options that the section of a stage has under different names. */
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
