/** A run or a group that gives way to a new one of its folder. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathWord } from "../command-line.js";
import { FOLDER_MARK, folderKind, refuseForeign, refuseOccupied } from "../data/owned-folder.js";
import { RunError, runPaths } from "./folder.js";
import { groupPaths } from "./group.js";

/** @throws RunError where the folder holds a run or a group, FolderError where it holds something else */
export function refuseTaken(folder: string, kind: "run" | "group"): void {
  const remedy = `Go on with: slicestack train --resume ${pathWord(folder)}   or choose another --out, or replace it with --overwrite.`;
  for (const [file, noun] of [
    [groupPaths(folder).record, "group"],
    [runPaths(folder).record, "run"],
  ] as const)
    if (existsSync(file)) throw new RunError(folder, `is a ${noun} already`, remedy);
  refuseForeign(folder, kind);
}

/** A run may take the place of a group, and the other way round. @throws FolderError where anything else lies in the folder */
export function refuseIrreplaceable(folder: string, kind: "run" | "group"): void {
  const found = folderKind(folder);
  refuseOccupied(folder, found === "run" || found === "group" ? found : kind, true);
}

/** Removes what a folder holds, but for its lock: what marks it as ours goes last. */
export function emptyFolder(folder: string): void {
  const marks = ["run.json", "group.json", FOLDER_MARK];
  const names = readdirSync(folder).filter((name) => !name.startsWith(".lock"));
  for (const name of names.sort((a, b) => marks.indexOf(a) - marks.indexOf(b)))
    rmSync(join(folder, name), { recursive: true, force: true });
}
