import { findComponent } from "./components.js";
import { ConfigError } from "./errors.js";
import type { RunConfig } from "./types.js";

interface ClassSettings {
  classes_to_include: number[] | null;
  class_mapping: Record<string, number> | null;
  class_names: string[] | null;
}

/** What is wrong with the class settings taken together, without a data set at hand. */
export function classProblems(task: ClassSettings): { key: keyof ClassSettings; message: string }[] {
  const included = task.classes_to_include;
  const mapping = task.class_mapping === null ? null : new Map(numericEntries(task.class_mapping));
  const problems = [...includedProblems(included, mapping), ...mappingProblems(included, mapping)];
  if (problems.length > 0 || task.class_names === null) return problems;
  const count = mapping ? new Set(mapping.values()).size : included?.length;
  if (count !== undefined && task.class_names.length !== count)
    problems.push({
      key: "class_names",
      message: `expected ${count} names, one for each task class, received ${task.class_names.length}`,
    });
  return problems;
}

function includedProblems(included: number[] | null, mapping: Map<number, number> | null) {
  const problems: { key: keyof ClassSettings; message: string }[] = [];
  if (included === null) return problems;
  const repeated = included.filter((label, index) => included.indexOf(label) !== index);
  if (repeated.length > 0)
    problems.push({ key: "classes_to_include", message: `expected each class once, received ${repeated[0]} twice` });
  if (included.length < 2 && mapping === null)
    problems.push({
      key: "classes_to_include",
      message: `expected at least 2 classes, received ${included.length}`,
    });
  return problems;
}

function mappingProblems(included: number[] | null, mapping: Map<number, number> | null) {
  const problems: { key: keyof ClassSettings; message: string }[] = [];
  if (mapping === null) return problems;
  const add = (message: string) => problems.push({ key: "class_mapping", message });
  if (included !== null) {
    const extra = [...mapping.keys()].filter((label) => !included.includes(label));
    const missing = included.filter((label) => !mapping.has(label));
    if (extra.length > 0) add(`maps class ${extra.join(", ")}, which classes_to_include leaves out`);
    if (missing.length > 0) add(`has no entry for class ${missing.join(", ")} of classes_to_include`);
  }
  const values = [...new Set(mapping.values())].sort((a, b) => a - b);
  if (values.length < 2) add(`expected at least 2 different task classes, received ${values.length}`);
  else if (values.some((value, index) => value !== index))
    add(`expected task classes 0..${values.length - 1} without a gap, received ${values.join(", ")}`);
  return problems;
}

export function numericEntries(map: Record<string, number>): [number, number][] {
  return Object.entries(map).map(([label, taskClass]) => [Number(label), taskClass]);
}

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
 * Whether classes are grades in order: as the configuration says, else by their names. Words have no order that can be
 * seen: CAP, COVID-19 and Normal are not grades because they stand in the order of the alphabet.
 * @param asked task.ordinal
 */
export function areOrdinal(asked: boolean | null, names: readonly string[]): boolean {
  if (asked !== null) return asked;
  if (names.length < 3) return false;
  const grades = names.map((name) => name.split("+").map((member) => Number(GRADE.exec(member.trim())?.[1] ?? NaN)));
  return grades.every((own, k) => {
    const before = k === 0 ? -Infinity : Math.max(...grades[k - 1]!);
    return Math.min(...own) > before; // false for NaN
  });
}

/**
 * Refuses to train for an order that the classes do not have.
 * @throws ConfigError for a loss or a selection metric of grades where they are none
 */
export function checkOrdinal(
  config: Pick<RunConfig, "slice" | "volume" | "fineTune">,
  { ordinal, names }: Pick<TaskClasses, "ordinal" | "names">,
  stages: readonly string[],
): void {
  if (ordinal) return;
  const remedy = `take another, or set task.ordinal: true if ${names.join(" < ")} is an order`;
  const problems = (["slice", "volume", "fineTune"] as const).flatMap((section) => {
    const stage = section === "fineTune" ? "fine_tune" : section;
    if (!stages.includes(stage)) return [];
    const { select } = config[section];
    const loss = section === "fineTune" ? null : config[section].loss;
    return [
      ...(loss !== null && findComponent("loss", loss)?.isOrdinal ? [{ key: `${stage}.loss`, value: loss }] : []),
      ...(findComponent("metric", select)?.isOrdinal ? [{ key: `${stage}.select`, value: select }] : []),
    ];
  });
  if (problems.length > 0)
    throw new ConfigError(
      problems.map(({ key, value }) => ({
        key,
        message: `${key}: ${value} is for classes that are grades in order, and these are not known to be; ${remedy}`,
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
  if (unmapped.length > 0) throw taskError("class_mapping", `has no entry for class ${unmapped.join(", ")}`, labels);

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

function joinedNames(count: number, mapping: Map<number, number | null>, originalNames: readonly string[]): string[] {
  return Array.from({ length: count }, (_, taskClass) => {
    const members = [...mapping].filter(([, value]) => value === taskClass).map(([label]) => label);
    return members.map((label) => originalNames[label] ?? String(label)).join("+");
  });
}

function taskError(name: string, what: string, labels: readonly number[]): ConfigError {
  const key = `task.${name}`;
  return new ConfigError([{ key, message: `${key} ${what}; the data set has the classes ${labels.join(", ")}` }]);
}
