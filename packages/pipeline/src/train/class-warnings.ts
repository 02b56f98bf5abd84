/** Warns before hours of training of classes that are too small to be learned. */
import type { Task } from "../data/task.js";

/** With fewer training volumes, a class is memorised rather than learned, and its scores are at chance. */
export const FEWEST_VOLUMES = 10;

/** A warning for classes with few training volumes, and one for classes without validation volumes. */
export function classWarnings({ classes, parts }: Task): string[] {
  const counted = classes.names.map((name, label) => {
    const count = (part: "train" | "val") => parts[part].filter((volume) => volume.label === label).length;
    return { name, train: count("train"), val: count("val") };
  });
  const few = counted
    .filter(({ train }) => train < FEWEST_VOLUMES)
    .map(({ name, train }) => `${name} (${train})`);
  const unseen = counted.filter(({ val }) => val === 0).map(({ name }) => name);
  const remedy = "merge classes with task.class_mapping, or exclude some with task.classes_to_include";
  return [
    ...(few.length === 0
      ? []
      : [`warning: fewer than ${FEWEST_VOLUMES} training volumes of ${few.join(", ")}; ${remedy}`]),
    ...(unseen.length === 0
      ? []
      : [
          `warning: the validation set, which chooses the epoch, has no volume of ${unseen.join(", ")}; ${remedy}`,
        ]),
  ];
}
