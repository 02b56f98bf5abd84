/** The configuration of an imported checkpoint: the given one, checked against the file, or one that is derived from the file. */
import { basename } from "node:path";
import { findComponent } from "../config/components.js";
import { loadConfig } from "../config/load.js";
import { decidingSection } from "../config/stages.js";
import type { RunConfig, SliceConfig } from "../config/types.js";
import { modelText } from "./describe-weights.js";
import type { ModelGuess } from "./guess-model.js";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { componentOf, type NetworkComponent } from "./component.js";
import { outputsOf, trunkDepth } from "./create-by-name.js";
import type { Recognised } from "./recognise.js";

/** Height, width and slices of the published system, used if the weights do not determine them. */
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
 * @throws ConfigError   @throws CheckpointError if the configuration has another method, model or number of classes than
 * the file, or neither of them determines a size
 */
export function settingsOf(file: string, found: Recognised, given: Given): Settings {
  const { guess } = found;
  const derived = given.config === undefined ? derivedSettings(file, found) : {};
  const source = given.config === undefined ? {} : { file: given.config };
  const loaded = loadConfig({ ...source, overrides: { ...derived, ...given.overrides } });
  checkModel(file, found, loaded);
  const classes = classesOf(file, guess, loaded);
  const { config, notes } = sized(file, found, loaded);
  // The run now holds the weights, and a model that was trained in one step is evaluated in one.
  const start = { checkpoint: null, initFrom: null, relaunch: false };
  if (config.method !== "2.5d") return { config: { ...config, ...start }, classes, notes };
  const fineTune = { ...config.fineTune, epochs: 0, warmupEpochs: 0 };
  return { config: { ...config, ...start, fineTune }, classes, notes };
}

function derivedSettings(file: string, { guess, method, trunk, head }: Recognised): Record<string, string> {
  const name = basename(file)
    .replace(/\.[^.]*$/, "")
    .replace(/^\.+/, "");
  const settings: Record<string, string> = { name: name === "" ? "imported" : name, method };
  if (method === "3d") return { ...settings, "network.model": guess.model };
  settings["slice.model"] = trunk!;
  if (method === "2.5d") settings["head.model"] = head ?? refuseUnknownHead(file, guess);
  return settings;
}

function refuseUnknownHead(file: string, { model }: ModelGuess): never {
  const problem = `holds a ${model} whose kind cannot be recognised by its names`;
  throw new CheckpointError(file, problem, "Give --config with the configuration of its run.");
}

function checkModel(file: string, { guess, method, head }: Recognised, config: RunConfig): void {
  const asked = config.method === "3d" ? config.network.model.name : config.slice.model.name;
  const fits =
    config.method === method &&
    (method === "3d" ? [guess.model, ...guess.alike].includes(asked) : trunkDepth(asked) === guess.depth) &&
    fitsHead(head, config);
  if (fits) return;
  const wanted = config.method === "2.5d" ? `${asked} with the head ${config.head.model.name}` : asked;
  throw new CheckpointError(
    file,
    `holds ${modelText(guess)}, a model of method ${method}; the configuration expects ${wanted}, method ${config.method}`,
    "Give the configuration that it was trained with, or omit --config to derive one from the file.",
  );
}

/** A head that was not recognised may be any head that has no recognisable names. */
function fitsHead(head: string | null, config: RunConfig): boolean {
  if (config.method !== "2.5d") return true;
  const { name } = config.head.model;
  return head === null ? componentOf("head", name).recognise === undefined : head === name;
}

/** The number of classes. Weights determine the number of outputs, the configuration that of classes. */
function classesOf(file: string, { classes: outputs, model }: ModelGuess, config: RunConfig): number {
  const { classesToInclude, classMapping, classNames } = config.task;
  const asked =
    (classMapping === null ? undefined : new Set(classMapping.values()).size) ??
    classesToInclude?.length ??
    classNames?.length;
  const { loss } = decidingSection(config);
  const held = outputs === null ? undefined : classesOfOutputs(loss.name, outputs);
  if (asked !== undefined && held !== undefined && asked !== held)
    throw new CheckpointError(
      file,
      `holds ${model} with ${held} classes, the configuration has ${asked} (${taskText(config)})`,
      "Correct class_mapping or classes_to_include, or use a checkpoint of this task.",
    );
  const classes = held ?? asked;
  if (classes !== undefined) return classes;
  throw new CheckpointError(
    file,
    `does not show how many classes its ${model} has`,
    "Give --config with classes_to_include.",
  );
}

/** The number of classes for which a loss has this number of outputs. */
const classesOfOutputs = (loss: string, outputs: number): number =>
  outputsOf(loss).outputs(outputs) === outputs ? outputs : outputs + 1;

function taskText({ task: { classesToInclude, classMapping, classNames } }: RunConfig): string {
  if (classMapping !== null)
    return `class_mapping {${[...classMapping].map(([from, to]) => `${from}: ${to}`).join(", ")}}`;
  if (classesToInclude !== null) return `classes_to_include [${classesToInclude.join(", ")}]`;
  return `class_names ${classNames?.join(", ") ?? ""}`;
}

interface Sized {
  config: RunConfig;
  notes: string[];
}

/** Completes sizes that the configuration leaves open: from the weights, or with the published ones if no weight determines them. */
function sized(file: string, { guess }: Recognised, config: RunConfig): Sized {
  if (config.method === "3d") {
    const { network } = config;
    const size = network.size ?? guess.inputSize ?? publishedSize(file, guess);
    const isKnown = network.size !== null || guess.inputSize !== null;
    return {
      config: { ...config, network: { ...network, size: [size[0]!, size[1]!, size[2]!] } },
      notes: isKnown ? [] : [assumedSize("network.size", size)],
    };
  }
  const { slice } = config;
  const size = slice.size ?? guess.inputSize ?? (guess.depth === null ? null : published);
  if (size === null)
    throw new CheckpointError(
      file,
      "does not show the height and width of the slices, which are not equal",
      "Set them: --slice.size '[HEIGHT, WIDTH]'.",
    );
  const isKnown = slice.size !== null || guess.inputSize !== null;
  const notes = isKnown ? [] : [assumedSize("slice.size", size.slice(0, 2))];
  const sizedSlice: SliceConfig = { ...slice, size: [size[0], size[1]] };
  if (config.method === "2d") return { config: { ...config, slice: sizedSlice }, notes };
  const head = { ...config.head, slices: config.head.slices ?? guess.slices };
  return { config: { ...config, slice: sizedSlice, head }, notes };
}

/** A network that pools over the whole volume accepts any size. The weights of any other network belong to one size, which here is not the published one. */
function publishedSize(file: string, { model }: ModelGuess): readonly number[] {
  if ((findComponent("network", model) as NetworkComponent | undefined)?.anySize) return published;
  throw new CheckpointError(
    file,
    `holds ${model} with a size other than the published ${published.join(" x ")} that cannot be determined`,
    "Set it: --network.size '[HEIGHT, WIDTH, SLICES]'.",
  );
}

const assumedSize = (key: string, size: readonly number[]): string =>
  `Its weights do not determine the size that it was trained at; the published size ${size.join(" x ")} is used (${key}).`;
