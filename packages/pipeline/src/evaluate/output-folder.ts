/** Where an evaluation puts its files: what is not the run's own test part, cleanly scored, lies apart from what is. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { DatasetInfo } from "../data/store.js";
import { runPaths } from "../run/folder.js";
import type { OtherData } from "./test-part.js";

/** Two data sets of one name, two parts of one data set, and two ways to match its classes have a folder each. */
export function externalFolder(
  run: string,
  { name, hash }: Pick<DatasetInfo, "name" | "hash">,
  { part, mapClasses }: Pick<OtherData, "part" | "mapClasses">,
): string {
  // The name is that of whoever prepared the data: it must not lead out of the run.
  const plain = name.replaceAll(/[^\p{L}\p{N} _+()-]+/gu, "_").slice(0, 60);
  const mapped = Object.entries(mapClasses).sort(([a], [b]) => (a < b ? -1 : 1));
  const words = [
    plain,
    hash.slice(0, 12),
    ...(part === "all" ? [] : [part]),
    ...(mapped.length === 0
      ? []
      : [`classes_${createHash("sha256").update(JSON.stringify(mapped)).digest("hex").slice(0, 8)}`]),
  ];
  return join(runPaths(run).root, "external", words.join("-"));
}
