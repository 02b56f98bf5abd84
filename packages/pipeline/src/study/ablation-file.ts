/** The file of an ablation: what its variants share, and where they differ. */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { METRICS, type MetricName } from "@slicestack/stats";
import { ConfigError } from "../config/errors.js";
import { loadConfig } from "../config/load.js";
import { usePlugins } from "../config/plugins.js";
import { isMapping, readSource } from "../config/document.js";
import { findConfig } from "../config/shipped.js";
import { foreignKey } from "../config/methods.js";
import type { Method, RunConfig } from "../config/types.js";
import { validate } from "../config/validate.js";
import { key } from "../config/notes.js";
import { NAME } from "../config/schema.js";

const name = z.string().regex(NAME).max(120);
const wholeNumbers = z.array(z.int().min(0).max(0xffffffff)).min(1);

const schema = z.strictObject({
  name: key(
    name,
    "a text without slashes and control characters that does not begin with a dot",
    "Name of the ablation",
  ),
  config: key(
    z.string().min(1),
    "a path",
    "Configuration that all variants share, relative to the folder of this file",
  ),
  seeds: key(
    z.union([z.int().min(1), wholeNumbers]).default(5),
    "a whole number, at least 1, or a list of seeds",
    "Seeds of each variant: a number of seeds, starting with that of the configuration, or a list",
  ),
  metrics: key(
    z.array(z.enum(METRICS)).min(1).default(["auroc", "balancedAccuracy", "accuracy"]),
    `a list of ${METRICS.join(", ")}`,
    "Columns of the table; name the one that counts first",
  ),
  main: key(z.string().min(1), "the name of a variant", "The variant that the others are compared with"),
  settings: key(
    z.record(z.string(), z.unknown()).default({}),
    "a map of dotted keys to values, e.g. {threads: 1}",
    "Keys in which all variants differ from that configuration; a key of a section applies to the variants whose method has it",
  ),
  variants: key(
    z.record(name, z.record(z.string(), z.unknown())),
    "a map of names to settings, e.g. {2D: {method: 2d}, 3D: {method: 3d, network.epochs: 20}}",
    "The variants, each with the dotted keys in which it differs",
  ),
});

export interface Variant {
  name: string;
  /** The configuration with the first seed. */
  config: RunConfig;
  /** The settings of this variant alone, by dotted key. */
  overrides: Record<string, string>;
}

export interface Ablation {
  name: string;
  /** Settings of all variants in addition to the shared configuration; the `config` of each variant includes them. */
  settings: Record<string, string>;
  seeds: number[];
  metrics: MetricName[];
  main: string;
  variants: Variant[];
  /** The configuration of a variant with a seed. */
  configOf: (variant: Variant, seed: number) => RunConfig;
}

/** Loads the plug-ins of the study's configuration, before loadAblation reads it. @throws ConfigError, PluginError */
export async function usePluginsOfStudy(file: string): Promise<void> {
  const { config, settings } = readSource({ file }).root;
  if (typeof config !== "string") return; // loadAblation reports the error
  const plugins = isMapping(settings) ? settings["plugins"] : undefined;
  const overrides = plugins === undefined ? {} : { overrides: { plugins: JSON.stringify(plugins) } };
  await usePlugins({ file: baseOf(file, config), ...overrides });
}

/** The configuration that a study varies: relative to its file, or a shipped one. */
function baseOf(file: string, config: string): string {
  const beside = resolve(dirname(resolve(file)), config);
  return existsSync(beside) ? beside : findConfig(config);
}

/** @throws ConfigError with file and line of the error in the file or in the settings of a variant */
export function loadAblation(file: string): Ablation {
  const source = readSource({ file });
  const place = (path: readonly PropertyKey[], what: "key" | "value") => ({
    file,
    ...source.locate(path, what),
  });
  const read = validate(schema, source.root, place);
  const base = baseOf(file, read.config);
  const refuse = (path: string[], message: string): never => {
    throw new ConfigError([
      { key: path.join("."), message: `${path.join(".")}: ${message}`, ...place(path, "value") },
    ]);
  };
  const settings = asOverrides(read.settings);
  const configWith = (own: Record<string, string>): RunConfig => {
    const { plugins, method: chosen } = { ...settings, ...own };
    const { method } = loadConfig({ file: base, overrides: withoutAbsent({ plugins, method: chosen }) });
    return loadConfig({ file: base, overrides: { ...ofMethod(settings, method), ...own } });
  };
  const variants = Object.entries(read.variants).map(([variant, own]): Variant => {
    const overrides = asOverrides(own);
    try {
      return { name: variant, overrides, config: configWith(overrides) };
    } catch (error) {
      if (error instanceof ConfigError) return refuse(["variants", variant], error.message);
      throw error;
    }
  });
  if (variants.length < 2) refuse(["variants"], `expected at least two, received ${variants.length}`);
  if (!variants.some((variant) => variant.name === read.main))
    refuse(
      ["main"],
      `expected one of ${variants.map((variant) => variant.name).join(", ")}, received ${read.main}`,
    );
  for (const setting of Object.keys(settings))
    if (variants.every(({ config: { method } }) => foreignKey(setting, method) !== null))
      refuse(["settings", setting], "no variant has a method with this section; remove it");
  const { seed } = variants[0]!.config;
  const seeds =
    typeof read.seeds === "number" ? Array.from({ length: read.seeds }, (_, k) => seed + k) : read.seeds;
  return {
    name: read.name,
    settings,
    seeds,
    metrics: [...read.metrics],
    main: read.main,
    variants,
    configOf: ({ overrides }, seedOf) => configWith({ ...overrides, seed: String(seedOf) }),
  };
}

/** The settings without those of sections that a method does not have. */
const ofMethod = (settings: Readonly<Record<string, string>>, method: Method): Record<string, string> =>
  Object.fromEntries(Object.entries(settings).filter(([setting]) => foreignKey(setting, method) === null));

const withoutAbsent = (overrides: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(overrides).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

const asOverrides = (settings: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(Object.entries(settings).map(([setting, value]) => [setting, JSON.stringify(value)]));
