/** What contradicts itself in the class settings of a task. */

interface ClassSettings {
  classes_to_include: number[] | null;
  class_mapping: Map<number, number> | null;
  class_names: string[] | null;
}

interface Problem {
  key: keyof ClassSettings;
  message: string;
}

/** What is wrong with the class settings taken together, before a data set is at hand. */
export function classProblems(task: ClassSettings): Problem[] {
  const { classes_to_include: included, class_mapping: mapping } = task;
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

function includedProblems(included: number[] | null, mapping: Map<number, number> | null): Problem[] {
  const problems: Problem[] = [];
  if (included === null) return problems;
  const repeated = included.filter((label, index) => included.indexOf(label) !== index);
  if (repeated.length > 0)
    problems.push({
      key: "classes_to_include",
      message: `expected each class once, received ${repeated[0]} twice`,
    });
  if (included.length < 2 && mapping === null)
    problems.push({
      key: "classes_to_include",
      message: `expected at least 2 classes, received ${included.length}`,
    });
  return problems;
}

function mappingProblems(included: number[] | null, mapping: Map<number, number> | null): Problem[] {
  const problems: Problem[] = [];
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
