import { Document, isCollection, visit } from "yaml";
import { augmentToFile } from "./augment.js";
import { snakeKeys } from "./case.js";
import { choiceToFile, isChoice } from "./choice.js";
import { isMapping, type Mapping } from "./document.js";
import type { RunConfig } from "./types.js";

/** The configuration with the snake_case keys of the file, in its order, ready for YAML or JSON. */
export function configToFile(config: RunConfig): Mapping {
  const entries = Object.entries(config).map(([name, value]: [string, unknown]) => [
    name,
    fileValue(name, value),
  ]);
  return snakeKeys(Object.fromEntries(entries) as Mapping);
}

function fileValue(name: string, value: unknown): unknown {
  if (name === "transform") {
    const transform = value as RunConfig["transform"];
    return snakeKeys({ ...transform, augment: augmentToFile(transform.augment) });
  }
  if (!isMapping(value)) return value;
  const entries = Object.entries(value).map(([key, setting]): [string, unknown] => [
    key,
    settingToFile(setting),
  ]);
  return snakeKeys(Object.fromEntries(entries));
}

function settingToFile(setting: unknown): unknown {
  if (isChoice(setting)) return choiceToFile(setting);
  return setting instanceof Map ? Object.fromEntries(setting) : setting;
}

/** Keys on which two configurations differ, as "slice.epochs: 20, here 40"; except for `log`, which does not affect training. */
export function configDifferences(first: RunConfig, second: RunConfig): string[] {
  const [a, b] = [flatten(configToFile(first)), flatten(configToFile(second))];
  // Sections that only one of two methods has differ because the methods do, which is reported.
  return [...a]
    .filter(([key, value]) => b.has(key) && b.get(key) !== value)
    .map(([key, value]) => `${key}: ${value}, here ${b.get(key)}`);
}

function flatten({ log: _, ...file }: Mapping): Map<string, string> {
  return new Map(
    Object.entries(file).flatMap(([key, value]) =>
      isMapping(value)
        ? Object.entries(value).map(([inner, setting]): [string, string] => [
            `${key}.${inner}`,
            JSON.stringify(setting),
          ])
        : [[key, JSON.stringify(value)] as [string, string]],
    ),
  );
}

/** The resolved configuration as a YAML file; loadConfig reads it back to an equal one. */
export function configToYaml(config: RunConfig): string {
  const file = configToFile(config);
  // A Map, so that YAML writes whole numbers as its keys and not quoted texts.
  const task = { ...(file["task"] as Mapping), class_mapping: config.task.classMapping };
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
