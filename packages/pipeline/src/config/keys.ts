import { keyNotes, runConfigSchema } from "./schema.js";
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
  return leavesOf(runConfigSchema).map(({ path, schema }) => {
    const note = keyNotes.get(schema);
    if (!note) throw new Error(`config key ${path.join(".")} has no description in schema.ts`);
    const initial = schema.parse(undefined);
    return {
      key: path.join("."),
      expects: note.expects,
      initial: typeof initial === "string" ? initial : JSON.stringify(initial).replaceAll(",", ", "),
      meaning: note.meaning,
    };
  });
}
