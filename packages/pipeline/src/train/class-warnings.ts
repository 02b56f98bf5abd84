/** What a reader should know of classes that are too small to learn, before hours are spent on them. */
import type { Task } from "../data/task.js";

/** Below this many training volumes a class is memorised rather than learned, and its scores are chance. */
export const FEWEST_VOLUMES = 10;

/** A line for each class with few training volumes, or with none in the validation set. */
export function classWarnings({ classes, parts }: Task): string[] {
  return classes.names.flatMap((name, label) => {
    const count = (part: "train" | "val") => parts[part].filter((volume) => volume.label === label).length;
    const [train, val] = [count("train"), count("val")];
    const faults = [
      ...(train < FEWEST_VOLUMES
        ? [`${train} training ${train === 1 ? "volume" : "volumes"}, fewer than ${FEWEST_VOLUMES}`]
        : []),
      ...(val === 0 ? ["none in the validation set, which chooses the epoch"] : []),
    ];
    const remedy = "merge it with another class by task.class_mapping, or leave it out by task.classes_to_include";
    return faults.length === 0 ? [] : [`warning: class ${name} has ${faults.join(", and ")}; ${remedy}`];
  });
}
