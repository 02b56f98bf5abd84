/** The configuration as a run, a group or a trial keeps it. */
import { storedPlugin } from "../config/plugin-files.js";
import { configToYaml } from "../config/to-yaml.js";
import type { RunConfig } from "../config/types.js";

/** @param folder in which the text is written: it names plug-ins by their paths relative to that */
export const storedConfig = (config: RunConfig, folder: string): string =>
  configToYaml({ ...config, plugins: config.plugins.map((file) => storedPlugin(file, folder)) });
