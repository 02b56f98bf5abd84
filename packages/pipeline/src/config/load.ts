import type { z } from "zod";
import { acceptingUnknown } from "./accepting.js";
import { readSource, setKey, yamlScalar, type ConfigSource, type Mapping } from "./document.js";
import { ConfigError, type ConfigProblem } from "./errors.js";
import { enclosingLeaf, mergeInner, type Enclosing } from "./inner-overrides.js";
import { nearestKeys } from "./nearest.js";
import { isLoaded } from "./loaded-plugins.js";
import { pluginFiles, shownPlugin, storedPlugins } from "./plugins.js";
import { fromPublished, isPublished, publishedSchema, structuredNames } from "./published.js";
import { foreignKey, methodOf, withoutForeign } from "./methods.js";
import { isFormer, newName, renamedKeys } from "./renamed.js";
import { runSchemas } from "./schema.js";
import { withNewKeys } from "./stored.js";
import type { Method, RunConfig } from "./types.js";
import { leavesOf, validate, type Place } from "./validate.js";

export interface LoadOptions {
  file?: string;
  /** The content of the file, if it was read already; `file` then only names it in errors. */
  text?: string;
  /** The file as it was parsed, for those who read it again and again with other overrides; it is not changed. */
  source?: ConfigSource;
  /** Dotted snake_case key → YAML scalar, e.g. { "slice.learning_rate": "0.001" }. */
  overrides?: Record<string, string>;
  /** Whether it is the configuration of a run, which was checked when the run began; keys of earlier versions are read. */
  isStored?: boolean;
}

/**
 * The complete configuration: defaults, then the file, then the overrides. Structured files and the published flat
 * files are told apart by their keys. Where an override changes the method, the sections of the file that the new method
 * does not have are left out.
 * @throws ConfigError with file, line and column, or the flag, of every problem
 */
export function loadConfig(options: LoadOptions): RunConfig {
  const source = options.source === undefined ? readSource(options) : copyOf(options.source);
  const overrides = { ...options.overrides };
  const isFlat = isPublished(source.root);
  const flatFlags = isFlat ? takeFlat(source.root, overrides) : new Set<string>();
  const written = options.isStored === true ? withNewKeys(source.root) : source.root;
  const { root, origins } = isFlat
    ? fromPublished(source, flatFlags)
    : { root: written, origins: new Map<string, string>() };
  const place = placeIn(source, overrides, { origins, flatFlags });
  const method = takeMethod(root, overrides, place);
  const former = renamedKeys(root, method, place);
  if (former.length > 0) throw new ConfigError(former);
  const settings = "method" in overrides ? withoutForeign(root, method) : root;
  applyOverrides(settings, overrides, method);
  const plugins = options.isStored === true ? storedPlugins(source) : pluginFiles(source, overrides);
  const schema = runSchemas()[method];
  const read = (): RunConfig => ({
    ...validate(schema, settings, place, (dotted) => foreignKey(dotted, method)),
    plugins,
  });
  return plugins.every(isLoaded) ? read() : unlessStored(options, plugins, read);
}

const copyOf = (source: ConfigSource): ConfigSource => ({ ...source, root: structuredClone(source.root) });

/** Where a key or a value was written: in a flag, or in the file, under its flat name if it is a published file. */
function placeIn(
  source: ConfigSource,
  overrides: Readonly<Record<string, string>>,
  { origins, flatFlags }: { origins: ReadonlyMap<string, string>; flatFlags: ReadonlySet<string> },
): Place {
  return (path, what) => {
    const dotted = path.map(String).join(".");
    const flag = Object.keys(overrides).find((name) => dotted === name || dotted.startsWith(`${name}.`));
    if (flag !== undefined) return { flag: `--${flag}` };
    const flat = origins.get(path.slice(0, 2).map(String).join("."));
    if (flat !== undefined && flatFlags.has(flat)) return { flag: `--${flat}` };
    const inFile = flat === undefined ? path : [flat, ...path.slice(2)];
    return { file: source.file, ...source.locate(inFile, what) };
  };
}

/** The method of the flag, if there is one, or else of the file. @throws ConfigError for a method that does not exist */
function takeMethod(root: Mapping, overrides: Readonly<Record<string, string>>, place: Place): Method {
  const flag = overrides["method"];
  return methodOf(flag === undefined ? root : { method: yamlScalar(flag, () => true) }, place);
}

/**
 * A stored run is read without its plug-ins, which only training and prediction need; the names that they add are not checked.
 * @throws ConfigError for a configuration that is not stored
 */
function unlessStored(options: LoadOptions, plugins: readonly string[], read: () => RunConfig): RunConfig {
  if (options.isStored === true) return acceptingUnknown(read);
  const missing = plugins.filter((file) => !isLoaded(file)).map(shownPlugin);
  const message = `plugins: ${missing.join(", ")} is not loaded on this thread; call await usePlugins(…) before loadConfig(…)`;
  throw new ConfigError([{ key: "plugins", message }]);
}

/** Moves the overrides with flat keys into a flat file, whose `model` and `dataset_id` give them their meaning. @returns their names */
function takeFlat(root: Mapping, overrides: Record<string, string>): Set<string> {
  const taken = new Set<string>();
  for (const [name, schema] of Object.entries(publishedSchema.shape)) {
    const text = overrides[name];
    if (text === undefined) continue;
    root[name] = yamlScalar(text, (value) => schema.safeParse(value).success);
    taken.add(name);
    delete overrides[name];
  }
  return taken;
}

const leavesOfSchemas = new WeakMap<z.ZodType, ReadonlyMap<string, z.ZodType>>();

/** The keys of a schema by their dotted names, collected once. */
function namedLeaves(schema: z.ZodType): ReadonlyMap<string, z.ZodType> {
  let leaves = leavesOfSchemas.get(schema);
  if (leaves === undefined) {
    leaves = new Map(leavesOf(schema).map((leaf) => [leaf.path.join("."), leaf.schema]));
    leavesOfSchemas.set(schema, leaves);
  }
  return leaves;
}

function applyOverrides(root: Mapping, overrides: Record<string, string>, method: Method): void {
  const leaves = namedLeaves(runSchemas()[method]);
  const problems: ConfigProblem[] = [];
  const inner = new Map<string, Enclosing>();
  for (const [name, text] of Object.entries(overrides)) {
    const schema = leaves.get(name);
    const enclosing = enclosingLeaf(name, leaves);
    if (schema) {
      const value = yamlScalar(text, (each) => schema.safeParse(each).success);
      setKey(root, name, value);
    } else if (enclosing !== null) inner.set(name, enclosing);
    else problems.push(unknownFlag(name, text, [...leaves.keys()], method));
  }
  problems.push(...mergeInner(root, overrides, inner));
  if (problems.length > 0) throw new ConfigError(problems);
}

function unknownFlag(name: string, text: string, known: string[], method: Method): ConfigProblem {
  const at = { key: name, flag: `--${name}` };
  if (isFormer(name)) {
    const { now, message } = newName(
      name,
      method,
      yamlScalar(text, () => true),
    );
    return { ...at, message, ...(now === null ? {} : { suggestions: [now] }) };
  }
  const foreign = foreignKey(name, method);
  if (foreign !== null) return { ...at, message: foreign };
  const structured = structuredNames(name).filter((key) => known.includes(key));
  if (structured.length > 0) {
    const message = `${name}: a key of published flat files, and this configuration is structured; give --${structured.join(" or --")}`;
    return { ...at, suggestions: structured, message };
  }
  const inside = known.filter((other) => other.startsWith(`${name}.`));
  const suggestions = inside.length > 0 ? inside.slice(0, 2) : nearestKeys(name, known);
  const what = inside.length > 0 ? `${name} is a section` : `unknown key ${name}`;
  const hint = suggestions.length > 0 ? `did you mean --${suggestions.join(" or --")}?` : "no key is similar";
  return { ...at, suggestions, message: `${what}; ${hint}` };
}
