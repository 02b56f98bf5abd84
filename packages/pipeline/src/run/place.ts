/** Where the data set of a run is: kept both as a full path and as seen from the run, and looked for by its hash where both moved. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { pathWord } from "../command-line.js";
import type { Dataset } from "../data/store.js";
import { RunError } from "./folder.js";

/** What run.json and group.json know of their data set. */
export interface DatasetPlace {
  directory: string;
  /** From the run's folder; runs of earlier versions have none. */
  relative?: string | undefined;
  name: string;
  hash: string;
}

export function placeOf(run: string, { directory, info }: Pick<Dataset, "directory" | "info">): DatasetPlace {
  return { directory, relative: relative(resolve(run), directory), name: info.name, hash: info.hash };
}

/** The folder of the run's data set. @throws RunError where it is neither where it was nor near the run, with what to do */
export function findDataset(run: string, place: DatasetPlace): string {
  const recorded = recordedPlaces(run, place);
  const here = [...recorded, ...nearby(run, place)].find((folder) => hashAt(folder) === place.hash);
  // One that is there with another hash is for the caller to refuse.
  const found = here ?? recorded.find((folder) => existsSync(join(folder, "dataset.json")));
  if (found !== undefined) return found;
  const where = pathWord(run);
  throw new RunError(
    run,
    `its data set ${place.name} (${place.hash.slice(0, 12)}) is no longer in ${place.directory}, nor near the run`,
    `Say where it is now: slicestack evaluate ${where} --data FOLDER, or slicestack train --resume ${where} --data FOLDER. The run keeps it in mind.`,
  );
}

/** Whether this is the run's own data set, at a place that the run does not know yet. */
export function isMoved(run: string, place: DatasetPlace, directory: string): boolean {
  const isKnown = recordedPlaces(run, place).some((folder) => hashAt(folder) === place.hash);
  return !isKnown && hashAt(resolve(directory)) === place.hash;
}

function recordedPlaces(run: string, place: DatasetPlace): string[] {
  return [...(place.relative === undefined ? [] : [resolve(run, place.relative)]), place.directory];
}

/** Beside the run and above it, in the current folder and where the data set was: by its old name, then by any. */
function nearby(run: string, { directory }: DatasetPlace): string[] {
  const above = (folder: string, steps: number): string[] =>
    steps === 0 || dirname(folder) === folder ? [] : [dirname(folder), ...above(dirname(folder), steps - 1)];
  const bases = [...new Set([...above(resolve(run), 4), process.cwd(), ...above(directory, 2)])];
  const folders = bases.flatMap((base) => [base, join(base, "data")]);
  return [...folders.map((folder) => join(folder, basename(directory))), ...folders.flatMap(foldersIn)];
}

const MOST_LOOKED_AT = 200;

function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() || entry.isSymbolicLink(),
    );
    return entries.slice(0, MOST_LOOKED_AT).map(({ name }) => join(folder, name));
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
