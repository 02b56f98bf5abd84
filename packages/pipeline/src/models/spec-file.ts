/** Reads and writes model.json, the ModelSpec of a run. For runs without one, the ModelSpec is built from their data. */
import { existsSync, readFileSync } from "node:fs";
import { findStoredPlugin, storedPlugin } from "../config/plugin-files.js";
import type { PluginFile } from "../config/loaded-plugins.js";
import { loadPlugins } from "../config/plugins.js";
import { writeFileAtomic } from "../data/atomic.js";
import { openSealed, sealedJson } from "../data/sealed-json.js";
import { modelSpecSchema, type ModelSpec } from "./spec.js";
import { specOfTraining } from "./spec-of-training.js";
import { RunError, runPaths } from "../run/folder.js";
import type { OpenRun } from "../run/open-run.js";

export function writeSpec(run: string, spec: ModelSpec): void {
  const plugins = spec.plugins.map(({ file, sha256 }) => ({ file: storedPlugin(file, run), sha256 }));
  writeFileAtomic(runPaths(run).model, sealedJson({ ...spec, plugins }));
}

/** @returns null if an earlier version, which did not write it, began the run   @throws RunError if the file is damaged */
export function readSpec(run: string): ModelSpec | null {
  const file = runPaths(run).model;
  if (!existsSync(file)) return null;
  const refuse = (problem: string): never => {
    throw new RunError(file, problem, "Restore it from a copy of the run, or train the run again.");
  };
  try {
    const parsed = modelSpecSchema.safeParse(openSealed(readFileSync(file, "utf8")).value);
    if (parsed.success) {
      const found = ({ file, sha256 }: PluginFile) => ({ file: findStoredPlugin(file, run), sha256 });
      return { ...parsed.data, plugins: parsed.data.plugins.map(found) };
    }
    const [issue] = parsed.error.issues;
    return refuse(`is not a model.json of this version (${issue?.path.join(".")}: ${issue?.message})`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return refuse(`cannot be read (${error.message})`);
  }
}

/**
 * Loads the plug-ins that a run was begun with, in this thread and for the jobs that it starts.
 * @throws PluginError if one is missing or has changed since   @throws RunError
 */
export async function usePluginsOf(run: string): Promise<void> {
  await loadPlugins(readSpec(run)?.plugins ?? []);
}

/** The ModelSpec of a run; if it has no model.json, built from the data that it is opened on. @throws RunError, ConfigError */
export function specOfRun(run: string, opened: OpenRun): ModelSpec {
  return readSpec(run) ?? specOfTraining(opened);
}
