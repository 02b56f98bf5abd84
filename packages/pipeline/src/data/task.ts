/** The volumes of a task by part: labels filtered and renamed as the config says. */
import { stageClasses, type TaskClasses } from "../config/classes.js";
import type { RunConfig } from "../config/types.js";
import { shuffleLabels } from "./shuffle-labels.js";
import type { Part } from "./split/parts.js";
import type { Split } from "./split/split.js";
import { labelsOf, type Dataset } from "./store.js";
import type { VolumeRecord } from "./volume-record.js";

export interface TaskVolume extends Omit<VolumeRecord, "label"> {
  /** Class of the task, 0..K-1. */
  label: number;
}

export interface Task {
  classes: TaskClasses;
  parts: Record<Part, TaskVolume[]>;
}

/** @throws ConfigError if the config names a label that the data set lacks */
export function taskOf(config: Pick<RunConfig, "task" | "seed">, dataset: Dataset, split: Split): Task {
  const classes = classesOf(config, dataset);
  const part = (name: Part): TaskVolume[] => {
    const ids = new Set(split.parts[name]);
    const volumes = relabelled(
      dataset.volumes.filter(({ id }) => ids.has(id)),
      classes,
    );
    return config.task.shuffleLabels && name !== "test" ? shuffleLabels(volumes, config.seed, name) : volumes;
  };
  return { classes, parts: { train: part("train"), val: part("val"), test: part("test") } };
}

function classesOf(config: Pick<RunConfig, "task">, dataset: Dataset): TaskClasses {
  return stageClasses(config, labelsOf(dataset.info), dataset.info.classes);
}

function relabelled(volumes: readonly VolumeRecord[], { mapping }: TaskClasses): TaskVolume[] {
  return volumes.flatMap((volume) => {
    const label = mapping.get(volume.label) ?? null;
    return label === null ? [] : [{ ...volume, label }];
  });
}
