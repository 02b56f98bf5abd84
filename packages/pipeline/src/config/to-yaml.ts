import { Document, isCollection, visit } from "yaml";
import { augmentToFile, type AugmentConfig, type AugmentPreset } from "./augment.js";
import { snakeKeys } from "./case.js";
import type { ConfigFile } from "./schema.js";
import { choiceToFile, type Choice } from "./choice.js";
import type { Options, RunConfig } from "./types.js";

type Written = Omit<ConfigFile, "transform"> & {
  transform: Omit<ConfigFile["transform"], "augment"> & { augment: AugmentPreset | Partial<AugmentConfig> };
};

/** The configuration with the snake_case keys of the file, in its order, ready for YAML or JSON. */
export function configToFile(config: RunConfig): Written {
  const { task, split, transform, slice, volume, fineTune, log, initFrom, ...plain } = config;
  return {
    ...plain,
    init_from: initFrom,
    task: {
      classes_to_include: task.classesToInclude,
      class_mapping: task.classMapping && Object.fromEntries(task.classMapping),
      class_names: task.classNames,
      ordinal: task.ordinal,
      shuffle_labels: task.shuffleLabels,
    },
    split: { seed: split.seed, fractions: split.fractions },
    transform: { ...transform, augment: augmentToFile(transform.augment) } as Written["transform"],
    slice: snakeKeys(written(slice, ["model", "select", "loss"])),
    volume: snakeKeys(written(volume, ["head", "model", "select", "loss"])),
    fine_tune: snakeKeys(written(fineTune, ["select"])),
    log,
  };
}

/** The section with its components as a file names them: alone, or with their options below. */
function written<S extends object, K extends "model" | "head" | "select" | "loss">(section: S, keys: readonly K[]) {
  const names = new Map<string, unknown>(Object.entries(section));
  const entries = Object.entries(section).flatMap(([key, value]): [string, unknown][] => {
    const owner = keys.find((name) => key === `${name}Options`);
    if (owner !== undefined) return [];
    if (!keys.some((name) => name === key)) return [[key, value]];
    return [[key, choiceToFile(String(value), (names.get(`${key}Options`) ?? {}) as Options)]];
  });
  return Object.fromEntries(entries) as unknown as Omit<S, `${K}Options` | K> & Record<K, Choice>;
}

/** Keys of which two configurations say different things, as "slice.epochs: 20, here 40"; but for `log`, which trains nothing. */
export function configDifferences(first: RunConfig, second: RunConfig): string[] {
  const [a, b] = [flatten(configToFile(first)), flatten(configToFile(second))];
  return [...a]
    .filter(([key, value]) => key !== "log" && b.get(key) !== value)
    .map(([key, value]) => `${key}: ${value}, here ${b.get(key)}`);
}

function flatten(file: Written): Map<string, string> {
  const sections = ["task", "split", "transform", "slice", "volume", "fine_tune"];
  return new Map(
    Object.entries(file).flatMap(([key, value]) =>
      sections.includes(key) && typeof value === "object" && value !== null
        ? Object.entries(value).map(([inner, one]): [string, string] => [`${key}.${inner}`, JSON.stringify(one)])
        : [[key, JSON.stringify(value)] as [string, string]],
    ),
  );
}

/** The resolved configuration as a YAML file; loadConfig reads it back to an equal one. */
export function configToYaml(config: RunConfig): string {
  const file = configToFile(config);
  // A Map, so that YAML writes whole numbers as its keys and not quoted texts.
  const task = { ...file.task, class_mapping: config.task.classMapping };
  const document = new Document({ ...file, task }, { aliasDuplicateObjects: false });
  visit(document, {
    // Lists and the class mapping fit on a line; sections do not.
    Seq: (_, list) => void (list.flow = true),
    Pair: (_, { key, value }) => {
      if (String(key) === "class_mapping" && isCollection(value)) value.flow = true;
    },
  });
  return document.toString({ lineWidth: 120, flowCollectionPadding: false });
}
