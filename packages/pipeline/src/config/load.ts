import { parseDocument } from "yaml";
import { acceptingUnknown } from "./accepting.js";
import { camelKeys } from "./case.js";
import { numericEntries } from "./classes.js";
import { readSource, setKey, type Mapping } from "./document.js";
import { ConfigError, type ConfigProblem } from "./errors.js";
import { nearestKeys } from "./nearest.js";
import { isLoaded, listedPlugins, pluginFiles, shownPlugin } from "./plugins.js";
import { fromPublished, isPublished, publishedSchema, structuredNames } from "./published.js";
import { runConfigSchema, type ConfigFile } from "./schema.js";
import type { Choice } from "./choice.js";
import type { Options, RunConfig } from "./types.js";
import { leavesOf, validate, type Place } from "./validate.js";

export interface LoadOptions {
  file?: string;
  /** The file's content, where it is at hand; `file` then only names it in errors. */
  text?: string;
  /** Dotted snake_case key → YAML scalar, e.g. { "slice.learning_rate": "0.001" }. */
  overrides?: Record<string, string>;
  /** Whether it is the configuration of a run: it was checked when the run began. */
  isStored?: boolean;
}

/**
 * The complete configuration: defaults, then the file, then the overrides. Structured files and the published flat
 * files are told apart by their keys.
 * @throws ConfigError with file, line and column, or the flag, of every problem
 */
export function loadConfig(options: LoadOptions): RunConfig {
  const source = readSource(options);
  const overrides = { ...options.overrides };
  const isFlat = isPublished(source.root);
  const flatFlags = isFlat ? takeFlat(source.root, overrides) : new Set<string>();
  const { root, origins } = isFlat
    ? fromPublished(source, flatFlags)
    : { root: source.root, origins: new Map<string, string>() };
  applyOverrides(root, overrides);
  const place: Place = (path, what) => {
    const dotted = path.map(String).join(".");
    const flag = Object.keys(overrides).find((name) => dotted === name || dotted.startsWith(`${name}.`));
    if (flag !== undefined) return { flag: `--${flag}` };
    const flat = origins.get(path.slice(0, 2).map(String).join("."));
    if (flat !== undefined && flatFlags.has(flat)) return { flag: `--${flat}` };
    const written = flat === undefined ? path : [flat, ...path.slice(2)];
    return { file: source.file, ...source.locate(written, what) };
  };
  const plugins = options.isStored === true ? listedPlugins(source.root) : pluginFiles(source, overrides);
  const read = () => toRunConfig({ ...validate(runConfigSchema(), root, place), plugins });
  return plugins.every(isLoaded) ? read() : unlessStored(options, plugins, read);
}

/**
 * A stored run is read without its plug-ins, which only training and deciding need; what they add is taken as it is named.
 * @throws ConfigError for a configuration that is not stored
 */
function unlessStored(options: LoadOptions, plugins: readonly string[], read: () => RunConfig): RunConfig {
  if (options.isStored === true) return acceptingUnknown(read);
  const missing = plugins.filter((file) => !isLoaded(file)).map(shownPlugin);
  const message = `plugins: ${missing.join(", ")} is not loaded on this thread; call await usePlugins(…) before loadConfig(…)`;
  throw new ConfigError([{ key: "plugins", message }]);
}

/** Moves the overrides with flat keys into a flat file, where its `model` and `dataset_id` say what they mean. @returns their names */
function takeFlat(root: Mapping, overrides: Record<string, string>): Set<string> {
  const taken = new Set<string>();
  for (const [name, schema] of Object.entries(publishedSchema.shape)) {
    const text = overrides[name];
    if (text === undefined) continue;
    root[name] = scalar(text, (value) => schema.safeParse(value).success);
    taken.add(name);
    delete overrides[name];
  }
  return taken;
}

function applyOverrides(root: Mapping, overrides: Record<string, string>): void {
  const leaves = new Map(leavesOf(runConfigSchema()).map(({ path, schema }) => [path.join("."), schema]));
  const problems: ConfigProblem[] = [];
  for (const [name, text] of Object.entries(overrides)) {
    const schema = leaves.get(name);
    if (schema)
      setKey(
        root,
        name,
        scalar(text, (value) => schema.safeParse(value).success),
      );
    else problems.push(unknownFlag(name, [...leaves.keys()]));
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

/** A flag's text as YAML reads it; where a text is wanted, `--name 2024` and `--checkpoint [a].pth` are texts all the same. */
function scalar(text: string, fits: (value: unknown) => boolean): unknown {
  const document = parseDocument(text, { logLevel: "error" });
  const isPlain = document.errors.length + document.warnings.length > 0 || /__proto__/.test(text);
  const value: unknown = isPlain ? text : document.toJS();
  return !fits(value) && fits(text) ? text : value;
}

function unknownFlag(name: string, known: string[]): ConfigProblem {
  const structured = structuredNames(name);
  if (structured.length > 0) {
    const message = `${name}: a key of published flat files, and this configuration is structured; give --${structured.join(" or --")}`;
    return { key: name, flag: `--${name}`, suggestions: structured, message };
  }
  const inside = known.filter((other) => other.startsWith(`${name}.`));
  const suggestions = inside.length > 0 ? inside.slice(0, 2) : nearestKeys(name, known);
  const what = inside.length > 0 ? `${name} is a section` : `unknown key ${name}`;
  const hint = suggestions.length > 0 ? `did you mean --${suggestions.join(" or --")}?` : "no key is like it";
  return { key: name, flag: `--${name}`, suggestions, message: `${what}; ${hint}` };
}

function toRunConfig(file: ConfigFile): RunConfig {
  const { task, ...rest } = file;
  const { transform, slice, volume, fine_tune: fineTune, init_from: initFrom, ...plain } = rest;
  return {
    ...plain,
    initFrom,
    task: {
      classesToInclude: task.classes_to_include,
      classMapping: task.class_mapping && new Map(numericEntries(task.class_mapping)),
      classNames: task.class_names,
      ordinal: task.ordinal,
      shuffleLabels: task.shuffle_labels,
    },
    transform,
    slice: withChoices(camelKeys(slice), ["model", "select", "loss"]),
    volume: withChoices(camelKeys(volume), ["head", "model", "select", "loss"]),
    fineTune: withChoices(camelKeys(fineTune), ["select"]),
  };
}

type Chosen<S, K extends keyof S & string> = Omit<S, K> & Record<K, string> & Partial<Record<`${K}Options`, Options>>;

/** The names of the components in the place of what the file says of them, and their options beside, where it gives any. */
function withChoices<S extends Record<K, Choice>, K extends keyof S & string>(section: S, keys: readonly K[]) {
  const split = keys.flatMap((key): [string, unknown][] => {
    const { name, options } = section[key];
    return [
      [key, name],
      ...(Object.keys(options).length === 0 ? [] : [[`${key}Options`, options] as [string, unknown]]),
    ];
  });
  return { ...section, ...Object.fromEntries(split) } as unknown as Chosen<S, K>;
}
