/** The configurations that come with the package, so that `--config mosmed_5class` is found by its name from any folder. */
import { existsSync, readdirSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { editDistance } from "./nearest.js";

// In a checkout configs/ is at its root; `npm pack` copies it into the package (scripts/pack-files.mjs).
const FOLDERS = ["../../../configs", "../../../../../configs"].map((up) => join(import.meta.dirname, up));

/** The folder of the shipped configurations; undefined where it was removed. */
export const shippedFolder = (): string | undefined =>
  FOLDERS.find((folder) => existsSync(join(folder, "schema.json")));

/** Name → file, e.g. "mosmed_5class" → …/configs/mosmed_5class.yaml; the published ones are in a folder of theirs. */
export function shippedConfigs(): Map<string, string> {
  const folder = shippedFolder();
  if (folder === undefined) return new Map();
  const files = [folder, join(folder, "published")].flatMap((place) =>
    readdirSync(place)
      .filter((name) => extname(name) === ".yaml")
      .sort()
      .map((name): [string, string] => [basename(name, ".yaml"), join(place, name)]),
  );
  return new Map(files);
}

/** The file that --config means: a file that is there, else a shipped configuration of that name, else what was given. */
export function findConfig(given: string): string {
  return existsSync(given) ? given : (shippedConfigs().get(nameOf(given)) ?? given);
}

/** What to say where neither a file nor a name fits. */
export function shippedHint(given: string): string {
  const names = [...shippedConfigs().keys()];
  const wanted = nameOf(given);
  const near = names
    .filter((name) => editDistance(name, wanted) <= Math.max(2, wanted.length / 3))
    .slice(0, 3);
  return near.length > 0
    ? `did you mean the shipped configuration ${near.join(" or ")}?`
    : `the shipped configurations are ${names.join(", ")}; auto plans one for the data`;
}

/** Published files are also known by the folder that they had there: Configs/custom.yaml. */
function nameOf(given: string): string {
  const [, name = given] = /^(?:configs\/(?:published\/)?)?([^/]*?)(?:\.ya?ml)?$/i.exec(given) ?? [];
  return name;
}
