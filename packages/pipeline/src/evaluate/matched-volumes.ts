/** The volumes of a data set for a model that was trained on another one: classes by name, the parts of its split, remarks. */
import { existsSync } from "node:fs";
import { checkSplit, readSplit, readSplits, splitPath } from "../data/split/split.js";
import type { Part } from "../data/split/parts.js";
import { openDataset, type Dataset } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";
import type { TaskVolume } from "../data/task.js";
import type { ModelSpec } from "../models/spec.js";
import { RunError } from "../run/folder.js";

/** Another data set than the run's, and how it is used. Plain values, because it is also sent to the worker. */
export interface OtherData {
  directory: string;
  /** Part of its split.json; all = every volume. */
  part: Part | "all";
  /** Its class name → class of the task, "" = leave out; for names that the run does not have. */
  mapClasses: Record<string, string>;
  /** Ids of the volumes to take, if not all of the part. */
  only?: readonly string[];
}

export interface MatchedVolumes {
  dataset: Dataset;
  volumes: TaskVolume[];
  /** Number of requested volumes that the model was trained on or chosen by. */
  leftOut: number;
  /** Notes for the reader of the report. */
  notes: string[];
}

/**
 * The volumes for a model that is known by its contract. Those that it was trained on or chosen by are left out where the
 * contract and the split of the data set tell which they are.
 * @param path of the model, for messages   @throws RunError, DatasetError, SplitError
 */
export function volumesForSpec(path: string, spec: ModelSpec, other: OtherData): MatchedVolumes {
  const dataset = openDataset(other.directory);
  const { classes, prepared, trainedOn } = spec;
  checkUnit(path, prepared.unit, dataset);
  const { names } = classes;
  const classOf = matchedClasses(path, dataset, other.mapClasses, names, (name) =>
    names.includes(name) ? names.indexOf(name) : undefined,
  );
  const isOfTraining = trainedOn?.dataset.hash === dataset.info.hash;
  const seen = isOfTraining ? seenByModel(dataset, trainedOn.split) : null;
  const requested = volumesOf(dataset, other, classOf);
  const remedy = "Choose another part or data set.";
  const { volumes, leftOut } = unseenVolumes(path, dataset, other, {
    requested,
    isSeen: ({ id }) => seen?.has(id) === true,
    remedy,
  });
  const notes = [
    ...(isOfTraining && seen === null
      ? [
          "It was trained on volumes of this data set, whose split.json is not the one of the training: volumes that it was trained on make these numbers too optimistic.",
        ]
      : []),
    ...(isOfTraining ? [] : [UNKNOWN]),
    ...absentClasses(names, volumes),
    ...preparationNotes(prepared.recipe, dataset),
  ];
  return { dataset, volumes, leftOut, notes };
}

/** The requested volumes without those that the model has seen. @throws RunError with the remedy if none is left */
export function unseenVolumes(
  path: string,
  { directory }: Dataset,
  { part }: OtherData,
  {
    requested,
    isSeen,
    remedy,
  }: { requested: TaskVolume[]; isSeen: (volume: TaskVolume) => boolean; remedy: string },
): { volumes: TaskVolume[]; leftOut: number } {
  const volumes = requested.filter((volume) => !isSeen(volume));
  if (volumes.length > 0) return { volumes, leftOut: requested.length - volumes.length };
  const problem =
    requested.length === 0
      ? `finds no volume of its task in ${partText(part)} of ${directory}`
      : `was trained on, or chosen by, all ${requested.length} volumes of ${directory}`;
  throw new RunError(path, problem, remedy);
}

const UNKNOWN =
  "A bundle does not list the scans of its training: if some of them are in this data set, prepared in another way or in another selection, these numbers are too optimistic.";

/** The training and validation volumes by the split of the data set, or by the fold of it; null where it has another split. */
function seenByModel(dataset: Dataset, splitHash: string): Set<string> | null {
  if (!existsSync(splitPath(dataset))) return null;
  const split = readSplits(splitPath(dataset)).find(({ hash }) => hash === splitHash);
  return split === undefined ? null : new Set([...split.parts.train, ...split.parts.val]);
}

/** @throws RunError if the values have another unit than those of the training */
export function checkUnit(path: string, unit: string, { directory, info }: Dataset): void {
  if (info.unit === unit) return;
  throw new RunError(
    path,
    `was trained on values in ${unit}, but ${directory} has values in ${info.unit}`,
    "Prepare it with the --unit of the training data, if its values have that unit.",
  );
}

export type ClassOf = (volume: VolumeRecord) => number | null;

/**
 * The task class of each class of a data set: from mapClasses, otherwise by its name in the run.
 * @param known task class of a name, null = not used, undefined = unknown
 * @throws RunError that lists the names of both sides
 */
export function matchedClasses(
  run: string,
  { directory, info, volumes }: Dataset,
  mapClasses: Record<string, string>,
  names: readonly string[],
  known: (name: string) => number | null | undefined,
): ClassOf {
  const used = new Set(volumes.map(({ label }) => label));
  const refuse = (problem: string): never => {
    const remedy = `Match the classes with --map-classes '${info.classes[0] ?? "theirs"}=${names[0] ?? "ours"}', once per class; an empty name leaves a class out.`;
    throw new RunError(run, problem, remedy);
  };
  const unclaimed = Object.keys(mapClasses).filter((name) => !info.classes.includes(name));
  if (unclaimed.length > 0)
    refuse(`--map-classes names ${unclaimed.join(", ")}, but ${directory} has ${info.classes.join(", ")}`);
  const targets = info.classes.map((name) => {
    const target = mapClasses[name];
    if (target === undefined) return known(name);
    if (target === "") return null;
    return names.includes(target)
      ? names.indexOf(target)
      : refuse(`--map-classes ${name}=${target}: the classes of the run are ${names.join(", ")}`);
  });
  const unmatched = info.classes.filter((_, label) => used.has(label) && targets[label] === undefined);
  if (unmatched.length > 0)
    refuse(
      `does not know the class ${unmatched.join(", ")} of ${directory}; its classes are ${names.join(", ")}`,
    );
  return ({ label }) => targets[label] ?? null;
}

export function volumesOf(
  dataset: Dataset,
  { part, only }: Pick<OtherData, "part" | "only">,
  classOf: ClassOf,
): TaskVolume[] {
  const ofPart = part === "all" ? null : new Set(splitOf(dataset).parts[part]);
  const chosen = only === undefined ? null : new Set(only);
  return dataset.volumes.flatMap((volume) => {
    const isLeftOut = [ofPart, chosen].some((ids) => ids?.has(volume.id) === false);
    const label = classOf(volume);
    return label === null || isLeftOut ? [] : [{ ...volume, label }];
  });
}

function splitOf(dataset: Dataset) {
  const choose = `Score --part all, or draw one split there: slicestack split ${dataset.directory} --overwrite`;
  const split = readSplit(splitPath(dataset), { choose });
  checkSplit(split, dataset);
  return split;
}

export function absentClasses(names: readonly string[], volumes: readonly TaskVolume[]): string[] {
  const present = new Set(volumes.map(({ label }) => label));
  const absent = names.filter((_, label) => !present.has(label));
  return absent.length === 0
    ? []
    : [`It has no volume of ${absent.join(", ")}: the numbers do not cover these classes.`];
}

/** Notes if the other data set was prepared differently; the transform of training is applied to its values anyway. */
export function preparationNotes(trained: Dataset["info"]["recipe"], { info }: Dataset): string[] {
  const settings = ["size", "depth", "crop", "margin", "mask"] as const;
  const value = (recipe: Dataset["info"]["recipe"], name: string) => JSON.stringify(recipe[name] ?? null);
  const differ = settings.filter((name) => value(trained, name) !== value(info.recipe, name));
  if (differ.length === 0) return [];
  const list = differ
    .map((name) => `${name} ${value(info.recipe, name)}, in training ${value(trained, name)}`)
    .join("; ");
  return [
    `It was prepared differently from the training data (${list}). Slices are resized to the size used in training.`,
  ];
}

export const partText = (part: OtherData["part"]): string => (part === "all" ? "all" : `the ${part} part`);
