/** The configuration that the trials of a sweep share, and the configuration of a point. */
import { stringify } from "yaml";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { readSource, type ConfigSource, type Mapping } from "../config/document.js";
import { ConfigError, type ConfigProblem } from "../config/errors.js";
import { loadConfig } from "../config/load.js";
import { listedPlugins, resolvePlugin, usePlugins } from "../config/plugins.js";
import type { RunConfig } from "../config/types.js";
import { canonicalJson } from "./space.js";
import type { SweepSpec } from "./sweep-file.js";
import type { Values } from "./trial.js";

/** Finds where in the sweep's file a key of a point is written. */
type PlaceOfKey = (key: string) => Pick<ConfigProblem, "file" | "line" | "column">;

export class BaseConfig {
  private readonly checked = new Set<string>();
  /** Parsed only once, because a sweep may have ten thousand points. */
  private readonly source: ConfigSource;

  private constructor(
    private readonly spec: Pick<SweepSpec, "settings" | "locate">,
    /** The file from which the keys are, for messages. */
    file: string,
    /** The text that is stored in the sweep's folder, with absolute paths of plug-ins. */
    readonly text: string,
  ) {
    this.source = readSource({ file, text });
  }

  /**
   * Reads the base configuration and loads its plug-ins.
   * @param kept the copy in the folder of a sweep that has been started   @throws ConfigError, PluginError
   */
  static async load(spec: SweepSpec, kept?: string): Promise<BaseConfig> {
    const { root, file, folder } = sourceOf(spec, kept);
    const isBare = Object.keys(root).length === 0;
    const absolute = { ...root, ...absolutePlugins({ ...root, ...spec.settings }, folder) };
    const text =
      isBare && !("plugins" in absolute) ? "{}\n" : stringify(absolute, { aliasDuplicateObjects: false });
    const base = new BaseConfig(spec, file, text);
    await usePlugins({ text });
    base.configOf({});
    return base;
  }

  /**
   * The complete configuration of a point.
   * @param settings what the point sets, by dotted key   @param place where the sweep's file sets a key
   * @throws ConfigError with the key, and its line in the sweep's file
   */
  configOf(settings: Values, place: PlaceOfKey = () => ({})): RunConfig {
    const shared = withoutPlugins(this.spec.settings);
    const overrides = this.overridesOf({ ...shared, ...settings });
    try {
      return loadConfig({ source: this.source, overrides });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new ConfigError(error.problems.map((problem) => this.placed(problem, settings, place)));
    }
  }

  /** Like `configOf`, cached for settings that are needed repeatedly. @throws ConfigError */
  check(settings: Values, place?: PlaceOfKey): void {
    const key = settingsKey(settings);
    if (this.checked.has(key)) return;
    this.configOf(settings, place);
    this.checked.add(key);
  }

  /** The settings in the form that loadConfig accepts. */
  private overridesOf(settings: Values): Record<string, string> {
    return Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, JSON.stringify(value)]));
  }

  private placed({ flag, ...problem }: ConfigProblem, settings: Values, place: PlaceOfKey): ConfigProblem {
    if (flag === undefined) return problem;
    const key = flag.slice(2);
    const written = [problem.key, key].find((one) => one in settings) ?? key;
    const position = written in settings ? place(written) : this.spec.locate(["settings", written], "value");
    const message = problem.message.replace(/(did you mean|give|or) --(?=[a-z])/g, "$1 ");
    return { ...problem, message: message.startsWith(key) ? message : `${key}: ${message}`, ...position };
  }
}

/** A key that is equal for points with the same training. */
export const settingsKey = (settings: Values): string => canonicalJson(settings);

function sourceOf({ config, file: sweepFile, locate }: SweepSpec, kept: string | undefined) {
  if (kept !== undefined) return { ...readSource({ file: kept }), folder: dirname(kept) };
  if ("root" in config) return { root: { ...config.root }, file: sweepFile, folder: config.folder };
  if (!existsSync(config.file)) {
    const message = `config: there is no file ${config.file}, and no shipped configuration of that name`;
    throw new ConfigError([{ key: "config", ...locate(["config"], "value"), message }]);
  }
  return { ...readSource({ file: config.file }), folder: dirname(config.file) };
}

function absolutePlugins(root: Mapping, folder: string): Mapping {
  const files = listedPlugins(root);
  return files.length === 0 ? {} : { plugins: files.map((file) => resolvePlugin(file, folder)) };
}

const withoutPlugins = ({ plugins: _, ...settings }: Values): Values => settings;
