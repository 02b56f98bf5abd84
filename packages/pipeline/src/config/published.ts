/**
 * The flat configuration files of the published "2.5 CNN" system (docs/reference/config.md lists what each key becomes).
 * Garg, Garg, Duncan, Electronics 2025, 14(13), 2571.
 */
import { z } from "zod";
import { componentsOf, type PublishedName } from "./components.js";
import { setKey, type ConfigSource, type Mapping } from "./document.js";
import { ConfigError } from "./errors.js";
import { key } from "./notes.js";
import { classList, classListExpects, classMap, classMapExpects } from "./data-sections.js";
import { validate } from "./validate.js";

const bool = (meaning: string) => key(z.boolean().optional(), "true or false", meaning);

export const publishedSchema = z.strictObject({
  batch_size: key(z.int().min(1).optional(), "a whole number, at least 1", "Samples in a training step"),
  class_mapping: key(classMap.optional(), classMapExpects, "Original label to task class"),
  classes_to_include: key(classList.optional(), classListExpects, "Original labels that take part"),
  dataset_id: key(
    z.enum(["2d", "3d"]),
    "2d or 3d",
    "2d: the keys of training are those of the slice stage; 3d: those of the volume stage",
  ),
  exp_name: key(z.string().min(1).optional(), "a text", "Name of the run"),
  learning_rate: key(z.number().positive().optional(), "a number above 0", "Learning rate"),
  model: key(z.string(), "the name of a model", "Network"),
  no_transform: bool("Turn augmentation off"),
  num_epochs: key(z.int().min(1).optional(), "a whole number, at least 1", "Passes over the training set"),
  overfit: bool("Train on a small fixed subset"),
  weighted: bool("Draw every class equally often"),
  relaunch: bool("Continue in an existing run folder"),
  checkpoint: key(z.string().min(1).nullable().optional(), "a path", "Weights to start from"),
  dropout: key(
    z.number().min(0).lt(1).optional(),
    "a number from 0 to below 1",
    "Share of features that are dropped",
  ),
});

type Published = z.output<typeof publishedSchema>;

const SHARED_KEYS = new Set(["overfit", "relaunch", "checkpoint"]);
const STRUCTURED_KEYS = [
  "name",
  "method",
  "seed",
  "device",
  "threads",
  "precision",
  "task",
  "split",
  "transform",
  "slice",
  "head",
  "fine_tune",
  "network",
  "volume", // of earlier versions
  "init_from",
  "plugins",
  "log",
];

/** A flat file has at least one key that only flat files have, and none of the structured ones. */
export function isPublished(root: Mapping): boolean {
  const flatKeys = Object.keys(publishedSchema.shape).filter((name) => !SHARED_KEYS.has(name));
  return flatKeys.some((name) => name in root) && !STRUCTURED_KEYS.some((name) => name in root);
}

/** What a flat key is called in a structured configuration; the sections that the method lacks are passed over. */
const STRUCTURED_NAMES: Record<string, string[]> = {
  batch_size: ["slice.batch_size", "head.batch_size", "network.batch_size"],
  class_mapping: ["task.class_mapping"],
  classes_to_include: ["task.classes_to_include"],
  dataset_id: ["method"],
  exp_name: ["name"],
  learning_rate: ["slice.learning_rate", "head.learning_rate", "network.learning_rate"],
  model: ["slice.model", "head.model", "network.model"],
  no_transform: ["transform.augment"],
  num_epochs: ["slice.epochs", "head.epochs", "network.epochs"],
  weighted: ["slice.weighted_sampler", "head.weighted_sampler", "network.weighted_sampler"],
  dropout: ["slice.dropout", "head.dropout", "network.dropout"],
};

/** Keys that only flat files have; as flags they are accepted together with such a file. */
export const FLAT_KEYS: readonly string[] = Object.keys(STRUCTURED_NAMES);

/** The structured names of a flat key; an empty list for any other key. */
export const structuredNames = (name: string): string[] =>
  Object.hasOwn(STRUCTURED_NAMES, name) ? STRUCTURED_NAMES[name]! : [];

/**
 * A flat file as a structured one, and for each structured key the flat key that it was written as.
 * @param flags the flat keys that were set by a flag
 * @throws ConfigError where a key is unknown or its value wrong, or where the model is not in this version
 */
export function fromPublished(
  source: ConfigSource,
  flags: ReadonlySet<string> = new Set(),
): { root: Mapping; origins: Map<string, string> } {
  const flat = validate(publishedSchema, source.root, (path, what) => {
    const [name = ""] = path.map(String);
    return flags.has(name) ? { flag: `--${name}` } : { file: source.file, ...source.locate(path, what) };
  });
  const root = modelSettings(flat, source);
  const section = flat.dataset_id === "2d" ? "slice" : root["method"] === "3d" ? "network" : "head";
  const origins = new Map<string, string>();
  const set = (target: string, from: keyof Published, value: unknown) => {
    if (value === undefined) return;
    setKey(root, target, value);
    origins.set(target, from);
  };
  set("name", "exp_name", flat.exp_name);
  set("task.classes_to_include", "classes_to_include", flat.classes_to_include);
  set("task.class_mapping", "class_mapping", flat.class_mapping);
  set("transform.augment", "no_transform", flat.no_transform === undefined ? undefined : !flat.no_transform);
  set(`${section}.batch_size`, "batch_size", flat.batch_size);
  set(`${section}.epochs`, "num_epochs", flat.num_epochs);
  set(`${section}.learning_rate`, "learning_rate", flat.learning_rate);
  set(`${section}.weighted_sampler`, "weighted", flat.weighted);
  set(`${section}.dropout`, "dropout", flat.dropout);
  set("overfit", "overfit", flat.overfit);
  set("relaunch", "relaunch", flat.relaunch);
  set("checkpoint", "checkpoint", flat.checkpoint);
  return { root, origins };
}

/** The models of the published system by their names there, each with its settings here. */
function publishedModels(dataset: Published["dataset_id"]): Map<string, PublishedName> {
  const components = [...componentsOf("trunk"), ...componentsOf("network")];
  return new Map(
    components.flatMap(({ name, published }) =>
      published?.dataset === dataset ? [[name, published] as [string, PublishedName]] : [],
    ),
  );
}

function modelSettings(flat: Published, source: ConfigSource): Mapping {
  const { dataset_id: dataset, model } = flat;
  const known = publishedModels(dataset);
  const published = known.get(model);
  if (published === undefined) {
    const names = [...known.keys()].join(", ");
    const message = `model: dataset_id ${dataset} has the models ${names}; received ${model}`;
    throw new ConfigError([
      { key: "model", file: source.file, ...source.locate(["model"], "value"), message },
    ]);
  }
  const settings = structuredClone<Mapping>({ ...published.settings });
  if (flat.checkpoint !== undefined && flat.checkpoint !== null)
    for (const [key, value] of Object.entries(published.withCheckpoint ?? {})) setKey(settings, key, value);
  return settings;
}
