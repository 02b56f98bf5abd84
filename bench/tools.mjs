/** Helpers that the benchmarks share. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The first file of this name in the folders or one level below; undefined if there is none. */
export function findFile(folders, name) {
  const all = folders
    .filter(existsSync)
    .flatMap((folder) => [folder, ...readdirSync(folder).map((inner) => join(folder, inner))]);
  return all.map((folder) => join(folder, name)).find(existsSync);
}
