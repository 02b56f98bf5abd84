/** Where an evaluation puts its files: what is not the run's own test part, cleanly scored, lies apart from what is. */
import { join } from "node:path";
import type { DatasetInfo } from "../data/store.js";
import { runPaths } from "../run/folder.js";
import type { OtherData } from "./test-part.js";

/** Two data sets of one name, and two parts of one data set, have a folder each. */
export function externalFolder(
  run: string,
  { name, hash }: Pick<DatasetInfo, "name" | "hash">,
  part: OtherData["part"],
): string {
  // prettier-ignore
  // The name is that of whoever prepared the data: it must not lead out of the run.
  const plain = name.replaceAll(/[^\p{L}\p{N} _+()-]+/gu, "_").slice(0, 60);
  return join(runPaths(run).root, "external", [plain, hash.slice(0, 12), ...(part === "all" ? [] : [part])].join("-"));
}
