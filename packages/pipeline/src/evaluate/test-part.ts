/** The volumes on which a run is scored: its test part, or another data set, whose classes are matched by name. */
import { stageClasses } from "../config/classes.js";
import { checkSplit, readSplit, splitPath } from "../data/split/split.js";
import type { Part } from "../data/split/parts.js";
import { openDataset, type Dataset } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";
import type { TaskVolume } from "../data/task.js";
import { readRecord, readRunConfig, RunError } from "../run/folder.js";
import { openImported } from "../run/open-imported.js";
import { openRun, type OpenRun } from "../run/open-run.js";

/** Another data set than the run's, and how it is used. Plain values, because it is also sent to the worker. */
export interface OtherData {
  directory: string;
  /** Part of its split.json; all = every volume. */
  part: Part | "all";
  /** Its class name → class of the task, "" = leave out; for names that the run does not have. */
  mapClasses: Record<string, string>;
}

export interface TestPart {
  opened: OpenRun;
  dataset: Dataset;
  volumes: TaskVolume[];
  /** Notes for the reader of the report; empty for the run's test part. */
  notes: string[];
}

/** @throws RunError, DatasetError, SplitError, ConfigError if run, data and classes do not match */
export function openTestPart(run: string, other: OtherData | null): TestPart {
  if (other === null) {
    const opened = openRun(run);
    return { opened, dataset: opened.dataset, volumes: opened.task.parts.test, notes: [] };
  }
  return readRecord(run).dataset === null ? importedPart(run, other) : externalPart(run, other);
}

/** External validation: another data set than that of training. */
function externalPart(run: string, other: OtherData): TestPart {
  const opened = openRun(run);
  const dataset = openDataset(other.directory);
  if (dataset.info.unit !== opened.dataset.info.unit)
    throw new RunError(
      run,
      `was trained on values in ${opened.dataset.info.unit}, but ${dataset.directory} has values in ${dataset.info.unit}`,
      "Prepare it with the --unit of the training data, if its values have that unit.",
    );
  const known = opened.dataset.info.classes;
  const { names, mapping } = opened.task.classes;
  const classOf = matchedClasses(run, dataset, other.mapClasses, names, (name) =>
    known.includes(name) ? (mapping.get(known.indexOf(name)) ?? null) : undefined,
  );
  const requested = volumesOf(dataset, other.part, classOf);
  const seen = seenInTraining(opened);
  const volumes = requested.filter((volume) => !seen(volume));
  if (volumes.length === 0)
    throw new RunError(
      run,
      requested.length === 0
        ? `finds no volume of its task in ${partText(other.part)} of ${dataset.directory}`
        : `was trained on, or chosen by, all ${requested.length} volumes of ${dataset.directory}`,
      "Use a data set of other volumes; slicestack evaluate RUN scores the run's own test part.",
    );
  const notes = [
    `External validation: ${partText(other.part)} of data set ${dataset.info.name}, ${volumes.length} volumes; the run was trained on ${opened.dataset.info.name}.`,
    ...(volumes.length < requested.length
      ? [
          `${requested.length - volumes.length} volumes were left out: the run was trained on, or chosen by, the same files or voxels.`,
        ]
      : []),
    ...absentClasses(names, volumes),
    ...preparationNotes(opened.dataset, dataset),
  ];
  return { opened, dataset, volumes, notes };
}

/** An imported checkpoint: the data set gives the classes, by their labels through its configuration. */
function importedPart(run: string, other: OtherData): TestPart {
  const [record, config, dataset] = [readRecord(run), readRunConfig(run), openDataset(other.directory)];
  const { imported } = record;
  if (imported === undefined) throw new RunError(run, "does not say what it was imported from", "Import it again.");
  const mapped = Object.keys(other.mapClasses).length > 0;
  const all = dataset.info.classes;
  const byLabel = mapped
    ? null
    : stageClasses(
        config,
        all.map((_, label) => label),
        all,
      );
  if (byLabel !== null && byLabel.count !== imported.classes)
    throw new RunError(
      run,
      `distinguishes ${imported.classes} classes, but ${dataset.directory} has ${byLabel.count} (${byLabel.names.join(", ")})`,
      "Import it with the --config of its task (classes_to_include, class_mapping), or pass --map-classes.",
    );
  const names = byLabel?.names ?? record.classes;
  const classOf = matchedClasses(run, dataset, other.mapClasses, names, (name) =>
    byLabel === null ? undefined : (byLabel.mapping.get(all.indexOf(name)) ?? null),
  );
  const volumes = volumesOf(dataset, other.part, classOf);
  if (volumes.length === 0)
    throw new RunError(
      run,
      `finds no volume of its task in ${partText(other.part)} of ${dataset.directory}`,
      "Choose another part or data set.",
    );
  const notes = [
    `Imported: ${imported.file}, ${imported.model}, scored on ${partText(other.part)} of data set ${dataset.info.name}, ${volumes.length} volumes. Its training data are not known: volumes that it was trained on make these numbers too optimistic.`,
    ...(config.task.classNames === null && !mapped
      ? [
          `Its classes ${names.map((_, k) => k).join(", ")} are assumed to be ${names.join(", ")}, in the order of the labels.`,
        ]
      : []),
    ...imported.notes,
    ...absentClasses(names, volumes),
  ];
  const opened = openImported(run, { config, record, imported }, { dataset, names, test: volumes });
  return { opened, dataset, volumes, notes };
}

type ClassOf = (volume: VolumeRecord) => number | null;

/**
 * The task class of each class of a data set: from mapClasses, otherwise by its name in the run.
 * @param known task class of a name, null = not used, undefined = unknown
 * @throws RunError that lists the names of both sides
 */
function matchedClasses(
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
    refuse(`does not know the class ${unmatched.join(", ")} of ${directory}; its classes are ${names.join(", ")}`);
  return ({ label }) => targets[label] ?? null;
}

function volumesOf(dataset: Dataset, part: OtherData["part"], classOf: ClassOf): TaskVolume[] {
  const ids = part === "all" ? null : new Set(splitOf(dataset).parts[part]);
  return dataset.volumes.flatMap((volume) => {
    const label = classOf(volume);
    return label === null || ids?.has(volume.id) === false ? [] : [{ ...volume, label }];
  });
}

function splitOf(dataset: Dataset) {
  const choose = `Score --part all, or draw one split there: slicestack split ${dataset.directory} --overwrite`;
  const split = readSplit(splitPath(dataset), { choose });
  checkSplit(split, dataset);
  return split;
}

/** Whether a volume, by its file or voxels, was used for the weights or for the choice of the best epoch. */
function seenInTraining({ task: { parts } }: OpenRun): (volume: VolumeRecord) => boolean {
  const used = [...parts.train, ...parts.val];
  const hashes = new Set(used.flatMap(({ sha256, voxelSha256 }) => [sha256, voxelSha256]));
  return ({ sha256, voxelSha256 }) => hashes.has(sha256) || hashes.has(voxelSha256);
}

function absentClasses(names: readonly string[], volumes: readonly TaskVolume[]): string[] {
  const present = new Set(volumes.map(({ label }) => label));
  const absent = names.filter((_, label) => !present.has(label));
  return absent.length === 0
    ? []
    : [`It has no volume of ${absent.join(", ")}: the numbers do not cover these classes.`];
}

/** Notes if the other data set was prepared differently; the transform of training is applied to its values anyway. */
function preparationNotes(trained: Dataset, other: Dataset): string[] {
  const settings = ["size", "depth", "crop", "margin", "mask"] as const;
  const value = ({ info }: Dataset, name: string) => JSON.stringify(info.recipe[name] ?? null);
  const differ = settings.filter((name) => value(trained, name) !== value(other, name));
  if (differ.length === 0) return [];
  const list = differ.map((name) => `${name} ${value(other, name)}, in training ${value(trained, name)}`).join("; ");
  return [
    `It was prepared differently from the training data (${list}). Slices are resized to the size used in training.`,
  ];
}

const partText = (part: OtherData["part"]): string => (part === "all" ? "all" : `the ${part} part`);
