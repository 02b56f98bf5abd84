import { extname } from "node:path";
import type { ModelSpec } from "./spec.js";

/** The name of a plug-in within an exported file: by its hash, wherever it lay. */
export const portablePlugin = ({ file, sha256 }: ModelSpec["plugins"][number]): string =>
  `plugins/${sha256}${extname(file) === ".js" ? ".js" : ".mjs"}`;

/** The contract without names of folders on this machine: what may be given to others. */
export function portableSpec(spec: ModelSpec): ModelSpec {
  const { source: _, ...recipe } = spec.prepared.recipe;
  const plugins = spec.plugins.map((plugin) => ({ file: portablePlugin(plugin), sha256: plugin.sha256 }));
  return { ...spec, prepared: { ...spec.prepared, recipe }, plugins };
}
