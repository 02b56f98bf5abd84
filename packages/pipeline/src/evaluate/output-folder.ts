/** Folders for evaluations that do not score the run's test part under the clean protocol; they are kept separate. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { DatasetInfo } from "../data/store.js";
import { runPaths } from "../run/folder.js";
import type { OtherData } from "./matched-volumes.js";

/** Data sets of the same name, parts of one data set, and ways to match its classes each have a separate folder. */
export function externalFolder(
  run: string,
  { name, hash }: Pick<DatasetInfo, "name" | "hash">,
  { part, mapClasses }: Pick<OtherData, "part" | "mapClasses">,
): string {
  // Whoever prepared the data chose the name: it must not lead out of the run folder.
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
