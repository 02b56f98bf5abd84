/** The configuration alone, for commands that only read or show one: a quarter of the time that all of the pipeline takes to load. */
import "./models/catalogue.js";

export { loadConfig } from "./config/load.js";
export { usePlugins } from "./config/plugins.js";
export { configToFile, configToYaml } from "./config/to-yaml.js";
