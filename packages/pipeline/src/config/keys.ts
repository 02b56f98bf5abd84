import { augmentSettings, transformDefaults } from "./augment.js";
import { keyNotes } from "./notes.js";
import { runConfigSchema } from "./schema.js";
import { leavesOf } from "./validate.js";

/** A key of the configuration file, for help and reference pages. */
export interface ConfigKey {
  /** Dotted snake_case, e.g. "slice.learning_rate". */
  key: string;
  expects: string;
  /** The default as YAML writes it. */
  initial: string;
  meaning: string;
}

/** Every key that a structured configuration file may hold, in file order. */
export function configKeys(): ConfigKey[] {
  return leavesOf(runConfigSchema()).map(({ path, schema }) => {
    const note = keyNotes.get(schema);
    if (!note) throw new Error(`config key ${path.join(".")} has no description in schema.ts`);
    const initial = note.initial ?? schema.parse(undefined);
    return { key: path.join("."), expects: note.expects, initial: written(initial), meaning: note.meaning };
  });
}

/** Every key of a `transform.augment` section, in file order; its default is that of a transform which no preset sets. */
export function augmentKeys(): ConfigKey[] {
  return leavesOf(augmentSettings()).map(({ path, schema }) => {
    const note = keyNotes.get(schema);
    const [transform = "", name = ""] = path;
    const defaults = new Map(Object.entries(transformDefaults)).get(transform);
    const initial: unknown = defaults === undefined ? "none" : new Map(Object.entries(defaults)).get(name);
    if (!note) throw new Error(`augmentation key ${path.join(".")} has no description in augment.ts`);
    return { key: path.join("."), expects: note.expects, initial: written(initial), meaning: note.meaning };
  });
}

function written(value: unknown): string {
  const short = (_: string, inner: unknown) => (typeof inner === "number" ? Number(inner.toPrecision(4)) : inner);
  return typeof value === "string" ? value : JSON.stringify(value, short).replaceAll(",", ", ");
}
