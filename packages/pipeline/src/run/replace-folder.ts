/** Replaces a run or a group by a new one in the same folder. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathWord } from "../command-line.js";
import { FOLDER_MARK, folderKind, refuseForeign, refuseOccupied } from "../data/owned-folder.js";
import { RunError, runPaths } from "./folder.js";
import { groupPaths } from "./group.js";

/** @throws RunError if the folder holds a run or a group, FolderError if it holds something else */
export function refuseTaken(folder: string, kind: "run" | "group"): void {
  const remedy = `To continue: slicestack train --resume ${pathWord(folder)}   Otherwise choose another --out, or replace it with --overwrite.`;
  for (const [file, noun] of [
    [groupPaths(folder).record, "group"],
    [runPaths(folder).record, "run"],
  ] as const)
    if (existsSync(file)) throw new RunError(folder, `already holds a ${noun}`, remedy);
  refuseForeign(folder, kind);
}

/** A run may replace a group, and a group a run. @throws FolderError if the folder holds anything else */
export function refuseIrreplaceable(folder: string, kind: "run" | "group"): void {
  const existing = folderKind(folder);
  refuseOccupied(folder, existing === "run" || existing === "group" ? existing : kind, true);
}

/** Empties a folder except for its lock. The files that mark it as one of this program are removed last. */
export function emptyFolder(folder: string): void {
  const marks = ["run.json", "group.json", FOLDER_MARK];
  const names = readdirSync(folder).filter((name) => !name.startsWith(".lock"));
  for (const name of names.sort((a, b) => marks.indexOf(a) - marks.indexOf(b)))
    rmSync(join(folder, name), { recursive: true, force: true });
}
