/** The configuration that an imported checkpoint runs under: as given, and checked against what the file holds; or as the file shows. */
import { basename } from "node:path";
import { findComponent } from "../config/components.js";
import { loadConfig } from "../config/load.js";
import type { RunConfig } from "../config/types.js";
import { modelText } from "./describe.js";
import type { ModelGuess } from "./describe-model.js";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { componentOf, type NetworkComponent } from "./component.js";
import { outputsOf, trunkDepth } from "./create.js";
import type { Recognised } from "./recognise.js";

/** Height, width and slices of the published system, where weights do not tell them. */
const published = [128, 128, 64] as const;

export interface Given {
  /** A configuration file, structured or published. */
  config?: string | undefined;
  overrides?: Record<string, string>;
}

export interface Settings {
  config: RunConfig;
  classes: number;
  notes: string[];
}

/**
 * @throws ConfigError   @throws CheckpointError where the configuration has another method, model or number of classes than
 * the file, or a size can be told by neither
 */
export function settingsOf(file: string, found: Recognised, given: Given): Settings {
  const { guess } = found;
  const own = given.config === undefined ? ownSettings(file, found) : {};
  const source = given.config === undefined ? {} : { file: given.config };
  const loaded = loadConfig({ ...source, overrides: { ...own, ...given.overrides } });
  checkModel(file, found, loaded);
  const classes = classesOf(file, guess, loaded);
  const { slice, volume, notes } = sized(file, found, loaded);
  // The weights are in the run now, and what is trained in one step is evaluated in one.
  const config = { ...loaded, slice, volume, checkpoint: null, initFrom: null, relaunch: false };
  return { config: { ...config, fineTune: { ...loaded.fineTune, epochs: 0, warmupEpochs: 0 } }, classes, notes };
}

function ownSettings(file: string, { guess, method, trunk, head }: Recognised): Record<string, string> {
  const name = basename(file)
    .replace(/\.[^.]*$/, "")
    .replace(/^\.+/, "");
  const settings: Record<string, string> = { name: name === "" ? "imported" : name, method };
  if (method === "3d") return { ...settings, "volume.model": guess.model };
  settings["slice.model"] = trunk!;
  if (method === "2.5d") settings["volume.head"] = head ?? untold(file, guess);
  return settings;
}

function untold(file: string, { model }: ModelGuess): never {
  const problem = `holds a ${model} whose kind its names do not tell`;
  throw new CheckpointError(file, problem, "Give --config with the configuration of its run.");
}

function checkModel(file: string, { guess, method, head }: Recognised, config: RunConfig): void {
  const asked = config.method === "3d" ? config.volume.model : config.slice.model;
  const fits =
    config.method === method &&
    (method === "3d" ? [guess.model, ...guess.alike].includes(asked) : fitsSlice(guess, config.slice.model)) &&
    fitsHead(head, config);
  if (fits) return;
  const wanted = config.method === "2.5d" ? `${asked} with the head ${config.volume.head}` : asked;
  throw new CheckpointError(
    file,
    `holds ${modelText(guess)}, a model of method ${method}; the configuration asks for ${wanted}, method ${config.method}`,
    "Give the configuration that it was trained with, or none: then the file decides.",
  );
}

const fitsSlice = ({ depth }: ModelGuess, model: RunConfig["slice"]["model"]): boolean => trunkDepth(model) === depth;

/** A head that no names tell may be any that has no names of its own. */
function fitsHead(head: string | null, { method, volume }: RunConfig): boolean {
  if (method !== "2.5d") return true;
  return head === null ? componentOf("head", volume.head).recognise === undefined : head === volume.head;
}

/** Task classes. Weights show how many outputs there are, the configuration how many classes. */
function classesOf(file: string, { classes: outputs, model }: ModelGuess, config: RunConfig): number {
  const { classesToInclude, classMapping, classNames } = config.task;
  const asked =
    (classMapping === null ? undefined : new Set(classMapping.values()).size) ??
    classesToInclude?.length ??
    classNames?.length;
  const loss = config.method === "2d" ? config.slice.loss : config.volume.loss;
  const held = outputs === null ? undefined : classesOfOutputs(loss, outputs);
  if (asked !== undefined && held !== undefined && asked !== held)
    throw new CheckpointError(
      file,
      `holds ${model} of ${held} classes, the configuration has ${asked} (${taskText(config)})`,
      "Correct class_mapping or classes_to_include, or take the checkpoint of this task.",
    );
  const classes = held ?? asked;
  if (classes !== undefined) return classes;
  throw new CheckpointError(
    file,
    `does not tell how many classes its ${model} has`,
    "Give --config with classes_to_include.",
  );
}

/** The number of classes for which a loss has so many outputs. */
const classesOfOutputs = (loss: string, outputs: number): number =>
  outputsOf(loss).outputs(outputs) === outputs ? outputs : outputs + 1;

function taskText({ task: { classesToInclude, classMapping, classNames } }: RunConfig): string {
  if (classMapping !== null)
    return `class_mapping {${[...classMapping].map(([from, to]) => `${from}: ${to}`).join(", ")}}`;
  if (classesToInclude !== null) return `classes_to_include [${classesToInclude.join(", ")}]`;
  return `class_names ${classNames?.join(", ") ?? ""}`;
}

type Sized = Pick<RunConfig, "slice" | "volume"> & { notes: string[] };

/** Sizes where the configuration leaves them open: those of the weights, or the published ones where no weight shows them. */
function sized(file: string, { guess, method }: Recognised, { slice, volume }: RunConfig): Sized {
  if (method === "3d") {
    const size = volume.size ?? guess.inputSize ?? publishedSize(file, guess);
    const told = volume.size !== null || guess.inputSize !== null;
    return {
      slice,
      volume: { ...volume, size: [size[0]!, size[1]!, size[2]!] },
      notes: told ? [] : [taken("volume.size", size)],
    };
  }
  const size = slice.size ?? guess.inputSize ?? (guess.depth === null ? null : published);
  if (size === null)
    throw new CheckpointError(
      file,
      "does not tell height and width of the slices, which are not alike",
      "Give them: --slice.size '[HEIGHT, WIDTH]'.",
    );
  const told = slice.size !== null || guess.inputSize !== null;
  return {
    slice: { ...slice, size: [size[0], size[1]] },
    volume: { ...volume, slices: volume.slices ?? guess.slices },
    notes: told ? [] : [taken("slice.size", size.slice(0, 2))],
  };
}

/** A network that pools over the whole volume runs at any size; the others have weights for one size, which is not the published one. */
function publishedSize(file: string, { model }: ModelGuess): readonly number[] {
  if ((findComponent("network", model) as NetworkComponent | undefined)?.anySize) return published;
  throw new CheckpointError(
    file,
    `holds ${model} of another size than the published ${published.join(" x ")}, and does not tell which`,
    "Give it: --volume.size '[HEIGHT, WIDTH, SLICES]'.",
  );
}

const taken = (key: string, size: readonly number[]): string =>
  `Its weights do not tell the size that it was trained at; ${size.join(" x ")}, the published one, was taken (${key}).`;
