/** The location of a run's data set: stored as a full path and relative to the run; if both have moved, it is searched for by its hash. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { pathWord } from "../command-line.js";
import type { Dataset } from "../data/store.js";
import { RunError } from "./folder.js";

/** What run.json and group.json record about their data set. */
export interface DatasetLocation {
  directory: string;
  /** Relative to the run's folder; absent in runs of earlier versions. */
  relative?: string | undefined;
  name: string;
  hash: string;
}

export function locationOf(
  run: string,
  { directory, info }: Pick<Dataset, "directory" | "info">,
): DatasetLocation {
  return { directory, relative: relative(resolve(run), directory), name: info.name, hash: info.hash };
}

/** The folder of the run's data set. @throws RunError if it is neither at its old location nor near the run */
export function findDataset(run: string, location: DatasetLocation): string {
  const recorded = recordedLocations(run, location);
  const here = [...recorded, ...nearby(run, location)].find((folder) => hashAt(folder) === location.hash);
  // The caller refuses a data set with another hash.
  const folder = here ?? recorded.find((folder) => existsSync(join(folder, "dataset.json")));
  if (folder !== undefined) return folder;
  const where = pathWord(run);
  throw new RunError(
    run,
    `its data set ${location.name} (${location.hash.slice(0, 12)}) is no longer in ${location.directory}, nor near the run`,
    `Give its new folder: slicestack evaluate ${where} --data FOLDER, or slicestack train --resume ${where} --data FOLDER. The run records it.`,
  );
}

/** Whether this is the data set of the run, at a location that the run has not recorded yet. */
export function isMoved(run: string, location: DatasetLocation, directory: string): boolean {
  const isKnown = recordedLocations(run, location).some((folder) => hashAt(folder) === location.hash);
  return !isKnown && hashAt(resolve(directory)) === location.hash;
}

function recordedLocations(run: string, location: DatasetLocation): string[] {
  return [...(location.relative === undefined ? [] : [resolve(run, location.relative)]), location.directory];
}

/** Folders beside and above the run, in the current folder and at the old location: first with the old name, then with any name. */
function nearby(run: string, { directory }: DatasetLocation): string[] {
  const above = (folder: string, steps: number): string[] =>
    steps === 0 || dirname(folder) === folder ? [] : [dirname(folder), ...above(dirname(folder), steps - 1)];
  const bases = [...new Set([...above(resolve(run), 4), process.cwd(), ...above(directory, 2)])];
  const folders = bases.flatMap((base) => [base, join(base, "data")]);
  return [...folders.map((folder) => join(folder, basename(directory))), ...folders.flatMap(foldersIn)];
}

const MAX_FOLDERS = 200;

function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() || entry.isSymbolicLink(),
    );
    return entries.slice(0, MAX_FOLDERS).map(({ name }) => join(folder, name));
  } catch {
    return [];
  }
}

function hashAt(folder: string): string | null {
  try {
    const { hash } = JSON.parse(readFileSync(join(folder, "dataset.json"), "utf8")) as { hash?: unknown };
    return typeof hash === "string" ? hash : null;
  } catch {
    return null;
  }
}
