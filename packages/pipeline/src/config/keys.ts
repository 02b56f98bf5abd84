import type { z } from "zod";
import { augmentSettings } from "./augment.js";
import { componentsOf, type ComponentKind } from "./components.js";
import { METHODS } from "./methods.js";
import { keyNotes } from "./notes.js";
import { runSchemas } from "./schema.js";
import type { Method } from "./types.js";
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

/** A key with the methods whose configurations may hold it. */
export interface MethodKey extends ConfigKey {
  methods: readonly Method[];
}

/** Every key that a structured configuration file may hold, in file order. @param method only those of this method */
export function configKeys(method?: Method): MethodKey[] {
  const keys = new Map<string, MethodKey>();
  for (const current of method === undefined ? METHODS : [method])
    for (const { path, schema } of leavesOf(runSchemas()[current])) {
      const key = path.join(".");
      const methods = [...(keys.get(key)?.methods ?? []), current];
      keys.set(key, { ...noted(key, schema), methods });
    }
  // The sections of a method before `log`, which all of them have last.
  const isLog = ({ key }: ConfigKey) => key.startsWith("log.");
  return [...[...keys.values()].filter((key) => !isLog(key)), ...[...keys.values()].filter(isLog)];
}

function noted(key: string, schema: z.ZodType): ConfigKey {
  const note = keyNotes.get(schema);
  if (!note) throw new Error(`config key ${key} has no description in the schema`);
  return {
    key,
    expects: note.expects,
    initial: written(note.initial ?? schema.parse(undefined)),
    meaning: note.meaning,
  };
}

/** An option of a component, which a file gives below the component's name. */
export interface ComponentOption extends ConfigKey {
  kind: ComponentKind;
  component: string;
}

/** The options of all heads, losses and other components that have any; `key` is e.g. "head.model.topk.k". */
export function componentOptions(): ComponentOption[] {
  return (Object.entries(CHOSEN_BY) as [ComponentKind, string][]).flatMap(([kind, chosenBy]) =>
    componentsOf(kind).flatMap(({ name, options }) =>
      leavesOf(options).map(({ path, schema }) => ({
        kind,
        component: name,
        ...noted([chosenBy, name, ...path].join("."), schema),
      })),
    ),
  );
}

/** The key that names a component of each kind; augmentations have a table of their own. */
const CHOSEN_BY: Partial<Record<ComponentKind, string>> = {
  trunk: "slice.model",
  head: "head.model",
  network: "network.model",
  loss: "loss",
  metric: "select",
};

/** Every key of a `transform.augment` section, in file order; its default is that of a transform which no preset sets. */
export const augmentKeys = (): ConfigKey[] =>
  leavesOf(augmentSettings()).map(({ path, schema }) => noted(path.join("."), schema));

function written(value: unknown): string {
  const short = (_: string, inner: unknown) =>
    typeof inner === "number" ? Number(inner.toPrecision(4)) : inner;
  return typeof value === "string" ? value : JSON.stringify(value, short).replaceAll(",", ", ");
}
