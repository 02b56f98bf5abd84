import { findComponent } from "./components.js";
import { ConfigError } from "./errors.js";
import { settingsOfStage, type StageName } from "./stages.js";
import type { RunConfig } from "./types.js";

/** The classes of a task over the labels of a data set. */
export interface TaskClasses {
  count: number;
  /** One name for each task class. */
  names: string[];
  /** Whether they are grades in order. */
  ordinal: boolean;
  /** Original label → task class, or null where the label takes no part. */
  mapping: Map<number, number | null>;
}

/** A number, or CT and a number; joined classes ("CT-3+CT-4") have one for each member. */
const GRADE = /^(?:CT[-_ ]?)?(\d+(?:\.\d+)?)$/i;

/**
 * Whether classes are grades in order: as the configuration says, else by their names. Words show no order: CAP, COVID-19
 * and Normal are not grades merely because they are in alphabetical order.
 * @param asked task.ordinal
 */
export function areOrdinal(asked: boolean | null, names: readonly string[]): boolean {
  if (asked !== null) return asked;
  if (names.length < 3) return false;
  const grades = names.map((name) =>
    name.split("+").map((member) => Number(GRADE.exec(member.trim())?.[1] ?? NaN)),
  );
  return grades.every((members, k) => {
    const before = k === 0 ? -Infinity : Math.max(...grades[k - 1]!);
    return Math.min(...members) > before; // false for NaN
  });
}

/**
 * Refuses to train for an order that the classes do not have.
 * @throws ConfigError where a loss or a selection metric needs classes that are grades in order, and these are not
 */
export function checkOrdinal(
  config: RunConfig,
  { ordinal, names }: Pick<TaskClasses, "ordinal" | "names">,
  stages: readonly StageName[],
): void {
  if (ordinal) return;
  const remedy = `choose another, or set task.ordinal: true if ${names.join(" < ")} is an order`;
  const problems = stages.flatMap((stage) => {
    const { section, settings } = settingsOfStage(config, stage);
    const { select } = settings;
    const loss = "loss" in settings ? settings.loss : null;
    return [
      ...(loss !== null && findComponent("loss", loss.name)?.isOrdinal
        ? [{ key: `${section}.loss`, ...loss }]
        : []),
      ...(findComponent("metric", select.name)?.isOrdinal ? [{ key: `${section}.select`, ...select }] : []),
    ];
  });
  if (problems.length > 0)
    throw new ConfigError(
      problems.map(({ key, name }) => ({
        key,
        message: `${key}: ${name} is for classes that are grades in order, and these are not known to be; ${remedy}`,
      })),
    );
}

/**
 * Works out which task class every original label of a data set belongs to.
 * @param originalLabels the labels the data set defines that take part (labelsOf)
 * @param originalNames  name of each original label, by its value; used where the config names no classes
 * @throws ConfigError where the config names a label that the data set lacks, or leaves one without a class
 */
export function stageClasses(
  config: Pick<RunConfig, "task">,
  originalLabels: readonly number[],
  originalNames: readonly string[] = [],
): TaskClasses {
  const labels = [...new Set(originalLabels)].sort((a, b) => a - b);
  const { classesToInclude, classMapping, classNames } = config.task;
  const named = new Set([...(classesToInclude ?? []), ...(classMapping?.keys() ?? [])]);
  const absent = [...named].filter((label) => !labels.includes(label));
  const included = classesToInclude ?? labels;
  const unmapped = classMapping ? included.filter((label) => !classMapping.has(label)) : [];
  if (absent.length > 0)
    throw taskError(
      classesToInclude ? "classes_to_include" : "class_mapping",
      `names class ${absent.join(", ")}`,
      labels,
    );
  if (unmapped.length > 0)
    throw taskError("class_mapping", `has no entry for class ${unmapped.join(", ")}`, labels);

  const ranks = [...included].sort((a, b) => a - b);
  const mapping = new Map<number, number | null>();
  for (const label of labels) {
    const taskClass = classMapping ? classMapping.get(label) : ranks.indexOf(label);
    mapping.set(label, included.includes(label) ? (taskClass ?? null) : null);
  }
  const count = classMapping ? new Set(classMapping.values()).size : included.length;
  if (count < 2) throw taskError("classes_to_include", `leaves ${count} class`, labels);
  if (classNames && classNames.length !== count)
    throw taskError("class_names", `has ${classNames.length} names for ${count} classes`, labels);
  const names = classNames ?? joinedNames(count, mapping, originalNames);
  return { count, names, ordinal: areOrdinal(config.task.ordinal, names), mapping };
}

function joinedNames(
  count: number,
  mapping: Map<number, number | null>,
  originalNames: readonly string[],
): string[] {
  return Array.from({ length: count }, (_, taskClass) => {
    const members = [...mapping].filter(([, value]) => value === taskClass).map(([label]) => label);
    return members.map((label) => originalNames[label] ?? String(label)).join("+");
  });
}

function taskError(name: string, what: string, labels: readonly number[]): ConfigError {
  const key = `task.${name}`;
  return new ConfigError([
    { key, message: `${key} ${what}; the data set has the classes ${labels.join(", ")}` },
  ]);
}
