/** Where the plug-ins of bundles lie, so that their imports of Slicestack find the installation that opens them. */
import { copyFileSync, existsSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PluginFile } from "../config/loaded-plugins.js";
import { codeOf } from "../data/error-code.js";
import { makeFolder } from "../data/make-folder.js";

/** Copies plug-ins from the cache, which may be emptied, into the run that needs them. @returns them at the new place */
export function copyPlugins(plugins: readonly (PluginFile & { sha256: string })[], folder: string) {
  if (plugins.length > 0) linkPackages(folder);
  return plugins.map((plugin) => {
    const file = join(folder, basename(plugin.file));
    copyFileSync(plugin.file, file);
    return { ...plugin, file };
  });
}

/** Links packages above a plug-in, because a module's imports by package name are resolved in the folders above it. */
export function linkPackages(folder: string): void {
  for (const name of ["pipeline", "torch", "stats", "volume"]) {
    const link = join(folder, "node_modules", "@slicestack", name);
    const target = name === "pipeline" ? installation() : packageFolder(`@slicestack/${name}`);
    makeFolder(dirname(link));
    try {
      symlinkSync(target, link, "junction");
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error; // another process was quicker, or an earlier one
    }
  }
}

/** packages/pipeline, from dist/src/trained. */
export const installation = (): string => fileURLToPath(new URL("../../..", import.meta.url));

function packageFolder(name: string): string {
  for (let at = installation(); ; at = dirname(at)) {
    const folder = join(at, "node_modules", name);
    if (existsSync(folder)) return folder;
    if (dirname(at) === at) throw new Error(`${name} is not installed next to this package`);
  }
}
