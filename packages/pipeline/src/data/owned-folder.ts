/**
 * Which folders are ours. A folder is written into only where it is new, empty, or of the kind that is asked for, and it is
 * replaced only where it holds nothing but what Slicestack writes: `--out .` or `--overwrite` never costs a user's files.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { codeOf } from "./error-code.js";
import { refuseUnwritable } from "../engine/system-errors.js";
import { crossThreads } from "../engine/thread-errors.js";

/** A folder or a file that is not ours to write into or to replace. */
export class FolderError extends Error {
  override readonly name = "FolderError";
  constructor(
    readonly folder: string,
    readonly problem: string,
    readonly remedy: string,
  ) {
    super(`${folder}: ${problem}. ${remedy}`);
  }
}

crossThreads(import.meta.url, FolderError);

interface Kind {
  /** What such a folder is called in a sentence. */
  words: string;
  /** The names that Slicestack gives to what lies in it. */
  holds: RegExp;
}

const KINDS = {
  dataset: {
    words: "a prepared data set",
    holds: /^(dataset\.json|subjects\.csv|slices\.npy|split\.json|shard\.json)$/,
  },
  run: {
    words: "a run",
    holds:
      /^(config\.yaml|model\.json|decision\.json|split\.json|run\.json|run\.log|checksums\.json|metrics\.jsonl?|predictions\.csv|slice_votes\.csv|cost\.json|tables\.(md|tex)|model-card\.md|checklist\.md|report\.html|test-reads\.jsonl|events\.out\..*|ablation-(val|test)\.csv|checkpoints|figures|external|paper)$/,
  },
  group: {
    words: "a group of runs",
    holds:
      /^(group\.json|config\.yaml|split\.json|checksums\.json|predictions\.csv|metrics\.json|report\.html|figures|external|(fold\d+)?-?(seed\d+)?)$/,
  },
  study: {
    words: "an ablation or a learning curve",
    holds: /^(runs|(curve-)?(val|test)(-all-slices)?(-[a-z-]+)?\.(md|json|csv|svg|png|html|tex))$/,
  },
  sweep: {
    words: "a sweep",
    holds: /^(sweep\.(yaml|json)|base\.yaml|points|trials|results|queue\.sqlite(-wal|-shm)?|slurm)$/,
  },
  demo: { words: "a demo", holds: /^(\.slicestack-demo|scans|data|run)$/ },
  work: { words: "a preparation under way", holds: /^(journal\.jsonl|data|unpacked)$/ },
  slices: { words: "a folder of slices", holds: /^(labels\.csv|train|val|test|class_\d+)$/ },
  scans: { words: "a folder of generated scans", holds: /^(labels\.csv|\d+\.nii\.gz)$/ },
  predictions: {
    words: "a folder of predictions",
    holds: /^(predictions\.csv|.+\.json|.+-(gradcam|ig)\.nii\.gz|dicom)$/,
  },
  triton: { words: "a model of a Triton repository", holds: /^(config\.pbtxt|1)$/ },
  pictures: {
    words: "a folder of pictures and tables",
    holds:
      /^(montage\.png|animation\.webp|histogram\.(svg|png)|inputs\.png|comparison(-.*)?\.(png|svg|json|md|tex|html)|explain\.json|deletion-insertion\.(svg|png)|.+-(gradcam|ig)\.(png|nii\.gz))$/,
  },
} as const satisfies Record<string, Kind>;

export type FolderKind = keyof typeof KINDS;

/** The file that says what a folder is, from before anything else is written into it. */
export const FOLDER_MARK = ".slicestack";

export const markText = (kind: FolderKind): string => `${JSON.stringify({ slicestack: 1, kind })}\n`;

/** What file systems, file managers and our own writers leave behind: a folder with nothing else counts as empty. */
const PASSING = /^(\.lock(\..*)?|\..+\.[0-9a-f]{12}\.tmp|\.DS_Store|Thumbs\.db|\.nfs.*|lost\+found)$/;

/** What kind of folder this is, by its mark or by the record in it; null where it is not one of ours. */
export function folderKind(folder: string): FolderKind | null {
  const mark = jsonIn(folder, FOLDER_MARK);
  if (typeof mark.kind === "string" && Object.hasOwn(KINDS, mark.kind)) return mark.kind as FolderKind;
  // Folders from before there were marks have records alone.
  const { hash, version, recipe } = jsonIn(folder, "dataset.json");
  if (typeof hash === "string" && typeof version === "number" && typeof recipe === "object") return "dataset";
  const shard = jsonIn(folder, "shard.json");
  if (typeof shard.key === "string" && typeof shard.index === "number") return "dataset";
  if (typeof jsonIn(folder, "run.json").splitHash === "string") return "run";
  if (typeof jsonIn(folder, "group.json").configHash === "string") return "group";
  const names = listed(folder);
  return names.length > 0 && names.every((name) => KINDS.pictures.holds.test(name)) ? "pictures" : null;
}

function jsonIn(folder: string, name: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(readFileSync(join(folder, name), "utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** What lies in a folder but for what passes; null where there is no folder. @throws FolderError where a file or a dead link is */
function namesIn(folder: string): string[] | null {
  try {
    if (!statSync(folder).isDirectory())
      throw new FolderError(folder, "expected a folder, found a file", "Choose another folder.");
  } catch (error) {
    if (codeOf(error) === "ENOTDIR")
      throw new FolderError(folder, "expected a folder, a part of its path is a file", "Choose another folder.");
    if (codeOf(error) !== "ENOENT") throw error;
    if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined)
      throw new FolderError(folder, "expected a folder, found a link to nothing", "Choose another folder.");
    return null;
  }
  return readdirSync(folder).filter((name) => name !== FOLDER_MARK && !PASSING.test(name));
}

function listed(folder: string): string[] {
  try {
    return namesIn(folder) ?? [];
  } catch {
    return [];
  }
}

/**
 * Refuses to write into a folder that holds something and is not of this kind. Nothing is written.
 * @param isKnown what the caller recognises as its own where an earlier version left no mark
 * @throws FolderError
 */
export function refuseForeign(folder: string, kind: FolderKind, isKnown = false): void {
  const names = namesIn(folder);
  if (names === null || isKnown) return;
  const found = folderKind(folder);
  if (found === kind || (names.length === 0 && found === null)) return;
  const problem =
    found === null
      ? `expected a new or empty folder, it holds ${some(names)}, which Slicestack did not write`
      : `is ${KINDS[found].words}, not ${KINDS[kind].words}`;
  throw new FolderError(folder, problem, "Choose another folder: nothing in this one was changed.");
}

/** Makes the folder where it is missing, and marks it before anything else is written. @throws FolderError as refuseForeign */
export function claimFolder(folder: string, kind: FolderKind, isKnown = false): void {
  refuseForeign(folder, kind, isKnown);
  mkdirSync(folder, { recursive: true });
  markFolder(folder, kind);
}

export function markFolder(folder: string, kind: FolderKind): void {
  try {
    writeFileSync(join(folder, FOLDER_MARK), markText(kind), { flag: "wx" });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

/**
 * Refuses a destination that holds something: always where `overwrite` is not set, else where it is not a folder of this kind,
 * or where somebody has put files of their own into it. Nothing is written.
 * @throws FolderError
 */
export function refuseOccupied(folder: string, kind: FolderKind, overwrite: boolean): void {
  const names = namesIn(folder);
  if (names === null || names.length === 0) return;
  const only = "--overwrite replaces only what Slicestack made.";
  const found = folderKind(folder);
  if (found !== kind) {
    const problem =
      found === null
        ? `it holds ${some(names)}, which Slicestack did not write`
        : `it is ${KINDS[found].words}, not ${KINDS[kind].words}`;
    throw new FolderError(folder, `expected a new folder, ${problem}`, `Choose another destination: ${only}`);
  }
  if (!overwrite)
    throw new FolderError(
      folder,
      "expected a folder that does not exist yet, it is there and not empty",
      "Choose another destination, or pass --overwrite to replace it.",
    );
  const foreign = names.filter(
    (name) => !KINDS[kind].holds.test(name) && folderKind(join(folder, name)) !== "pictures",
  );
  if (foreign.length > 0)
    throw new FolderError(
      folder,
      `is ${KINDS[kind].words} that also holds ${some(foreign)}`,
      `Move them away first, or choose another destination: ${only}`,
    );
}

/**
 * Refuses a file that could not be written, or that would cost another one: before the work whose result it holds. Of a
 * single file nobody can tell whose it is, so that it is replaced only where that is asked for. Nothing is written.
 * @throws FolderError   @throws Error of the file system that names the path, where its folder cannot be written into
 */
export function refuseExistingFile(file: string, overwrite: boolean): void {
  const folder = dirname(resolve(file));
  if (!(statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false))
    throw new FolderError(
      file,
      `expected a folder ${folder} for it, there is none`,
      "Make the folder, or choose another name.",
    );
  const there = lstatSync(file, { throwIfNoEntry: false });
  if (there?.isDirectory()) throw new FolderError(file, "expected a file, found a folder", "Choose another name.");
  if (there !== undefined && !overwrite)
    throw new FolderError(
      file,
      "expected a file that does not exist yet, it is there",
      "Choose another name, or pass --overwrite to replace it.",
    );
  refuseUnwritable(file, "file");
}

function some(names: readonly string[]): string {
  const shown = [...names].sort().slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
