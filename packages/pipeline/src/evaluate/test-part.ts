/** The volumes on which a run is scored: its test part, or another data set, whose classes are matched by name. */
import { stageClasses } from "../config/classes.js";
import { openDataset, type Dataset } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";
import type { TaskVolume } from "../data/task.js";
import { readRecord, readRunConfig, RunError, type ImportedFrom, type RunRecord } from "../run/folder.js";
import { openImported } from "../run/open-imported.js";
import { openRun, type OpenRun } from "../run/open-run.js";
import { readSpec } from "../models/spec-file.js";
import type { ModelSpec } from "../models/spec.js";
import {
  absentClasses,
  checkUnit,
  matchedClasses,
  partText,
  preparationNotes,
  unseenVolumes,
  volumesForSpec,
  volumesOf,
  type OtherData,
} from "./matched-volumes.js";

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
  if (readRecord(run).dataset !== null) return externalPart(run, other);
  const spec = readSpec(run);
  return spec === null ? importedPart(run, other) : bundledPart(run, spec, other);
}

/** External validation: another data set than that of training. */
function externalPart(run: string, other: OtherData): TestPart {
  const opened = openRun(run);
  const dataset = openDataset(other.directory);
  checkUnit(run, opened.dataset.info.unit, dataset);
  const known = opened.dataset.info.classes;
  const { names, mapping } = opened.task.classes;
  const classOf = matchedClasses(run, dataset, other.mapClasses, names, (name) =>
    known.includes(name) ? (mapping.get(known.indexOf(name)) ?? null) : undefined,
  );
  const requested = volumesOf(dataset, other, classOf);
  const { volumes, leftOut } = unseenVolumes(run, dataset, other, {
    requested,
    isSeen: seenInTraining(opened),
    remedy: "Use a data set of other volumes; slicestack evaluate RUN scores the run's own test part.",
  });
  const notes = [
    `External validation: ${partText(other.part)} of data set ${dataset.info.name}, ${volumes.length} volumes; the run was trained on ${opened.dataset.info.name}.`,
    ...(leftOut > 0
      ? [`${leftOut} volumes were left out: the run was trained on, or chosen by, the same files or voxels.`]
      : []),
    ...absentClasses(names, volumes),
    ...preparationNotes(opened.dataset.info.recipe, dataset),
  ];
  return { opened, dataset, volumes, notes };
}

/** The model of a bundle: its contract names the classes and what it was trained on. */
function bundledPart(run: string, spec: ModelSpec, other: OtherData): TestPart {
  const [record, config] = [readRecord(run), readRunConfig(run)];
  const imported = importedFrom(run, record);
  const { dataset, volumes, leftOut, notes } = volumesForSpec(run, spec, other);
  const opened = openImported(
    run,
    { config, record, imported },
    { dataset, names: spec.classes.names, test: volumes },
  );
  const first = `Model of the bundle ${imported.file}, ${imported.model}, scored on ${partText(other.part)} of data set ${dataset.info.name}, ${volumes.length} volumes.`;
  const seen =
    leftOut > 0 ? [`${leftOut} volumes were left out: the model was trained on, or chosen by, them.`] : [];
  return { opened, dataset, volumes, notes: [first, ...imported.notes, ...seen, ...notes] };
}

function importedFrom(run: string, { imported }: RunRecord): ImportedFrom {
  if (imported === undefined)
    throw new RunError(run, "does not say what it was imported from", "Import it again.");
  return imported;
}

/** An imported checkpoint: the data set gives the classes, by their labels through its configuration. */
function importedPart(run: string, other: OtherData): TestPart {
  const [record, config, dataset] = [readRecord(run), readRunConfig(run), openDataset(other.directory)];
  const imported = importedFrom(run, record);
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
  const volumes = volumesOf(dataset, other, classOf);
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

/** Whether a volume, by its file or voxels, was used for the weights or for the choice of the best epoch. */
function seenInTraining({ task: { parts } }: OpenRun): (volume: VolumeRecord) => boolean {
  const used = [...parts.train, ...parts.val];
  const hashes = new Set(used.flatMap(({ sha256, voxelSha256 }) => [sha256, voxelSha256]));
  return ({ sha256, voxelSha256 }) => hashes.has(sha256) || hashes.has(voxelSha256);
}
