/**
 * Recognises the folders that Slicestack wrote. It writes into a folder only if the folder is new, empty or of the
 * requested kind, and replaces it only if it contains nothing else: `--out .` and `--overwrite` never delete a user's files.
 */
import { lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf } from "./error-code.js";
import { refuseUnwritable } from "../engine/system-errors.js";
import { crossThreads } from "../engine/thread-errors.js";
import { makeFolder } from "./make-folder.js";

/** A folder or file that Slicestack must not write into or replace. */
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
  /** Names of the files and folders that Slicestack writes into it. */
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
      /^(config\.yaml|model\.json|decision\.json|split\.json|run\.json|run\.log|checksums\.json|metrics\.jsonl?|predictions\.csv|slice_votes\.csv|cost\.json|tables\.(md|tex)|model-card\.md|checklist\.md|report\.html|test-reads\.jsonl|events\.out\..*|ablation-(val|test)\.csv|checkpoints|figures|external|paper|plugins)$/,
  },
  group: {
    words: "a group of runs",
    holds:
      /^(group\.json|config\.yaml|split\.json|checksums\.json|predictions\.csv|metrics\.json|report\.html|figures|external|(fold\d+)?-?(seed\d+)?)$/,
  },
  ensemble: {
    words: "the scores of a bundle of several models",
    holds: /^(model\d+|external|checksums\.json)$/,
  },
  study: {
    words: "an ablation or a learning curve",
    holds: /^(runs|(curve-)?(val|test)(-all-slices)?(-[a-z-]+)?\.(md|json|csv|svg|png|html|tex))$/,
  },
  sweep: {
    words: "a sweep",
    holds: /^(sweep\.(yaml|json)|base\.yaml|points|trials|results|queue\.sqlite(-wal|-shm)?|slurm)$/,
  },
  auto: {
    words: "a folder of slicestack auto",
    holds:
      /^(auto\.json|data|\.data\.prepare|plan|runs|audit\.html|(validation|predictions)\.csv|report\.html|model\.slicestack)$/,
  },
  server: {
    words: "the data of a server",
    holds: /^(queue\.sqlite(-wal|-shm)?|predictions|uploads|audit\.(jsonl|key))$/,
  },
  demo: { words: "a demo", holds: /^(\.slicestack-demo|scans|data|run)$/ },
  work: { words: "an unfinished preparation", holds: /^(journal\.jsonl|data|unpacked)$/ },
  slices: { words: "a folder of slices", holds: /^(labels\.csv|train|val|test|class_\d+)$/ },
  scans: { words: "a folder of generated scans", holds: /^(labels\.csv|\d+\.nii\.gz)$/ },
  predictions: {
    words: "a folder of predictions",
    holds: /^(predictions\.csv|.+\.json|.+-(gradcam|ig)\.nii\.gz|dicom)$/,
  },
  dicom: { words: "a folder of DICOM reports and heat-maps", holds: /^(report|heat-map-\d+)\.dcm$/ },
  web: {
    words: "a page for a web host",
    holds: /^(index\.html|icon\.svg|manifest\.webmanifest|slicestack\.json|sw\.js|assets|models)$/,
  },
  triton: { words: "a model of a Triton repository", holds: /^(config\.pbtxt|1)$/ },
  pictures: {
    words: "a folder of pictures and tables",
    holds:
      /^(montage\.png|animation\.webp|histogram\.(svg|png)|inputs\.png|comparison(-.*)?\.(png|svg|json|md|tex|html)|explain\.json|deletion-insertion\.(svg|png)|.+-(gradcam|ig)\.(png|nii\.gz))$/,
  },
} as const satisfies Record<string, Kind>;

export type FolderKind = keyof typeof KINDS;

/** The file that records the kind of a folder; it is written before anything else. */
export const FOLDER_MARK = ".slicestack";

export const markText = (kind: FolderKind): string => `${JSON.stringify({ slicestack: 1, kind })}\n`;

/** What file systems, file managers and Slicestack's writers leave behind: a folder with nothing else counts as empty. */
const IGNORED = /^(\.lock(\..*)?|\..+\.[0-9a-f]{12}\.tmp|\.DS_Store|Thumbs\.db|\.nfs.*|lost\+found)$/;

/** The kind of a folder, by its mark or by the record in it; null if Slicestack did not write it. */
export function folderKind(folder: string): FolderKind | null {
  const mark = jsonIn(folder, FOLDER_MARK);
  if (typeof mark.kind === "string" && Object.hasOwn(KINDS, mark.kind)) return mark.kind as FolderKind;
  // Folders of versions before the mark have only records.
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

/** The names in a folder that count; null if it does not exist. @throws FolderError if it is a file or a broken link */
function namesIn(folder: string): string[] | null {
  try {
    if (!statSync(folder).isDirectory())
      throw new FolderError(folder, "expected a folder, found a file", "Choose another folder.");
  } catch (error) {
    if (codeOf(error) === "ENOTDIR")
      throw new FolderError(
        folder,
        "expected a folder, but a part of its path is a file",
        "Choose another folder.",
      );
    if (codeOf(error) !== "ENOENT") throw error;
    if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined)
      throw new FolderError(folder, "expected a folder, found a broken link", "Choose another folder.");
    return null;
  }
  return readdirSync(folder).filter((name) => name !== FOLDER_MARK && !IGNORED.test(name));
}

function listed(folder: string): string[] {
  try {
    return namesIn(folder) ?? [];
  } catch {
    return [];
  }
}

/**
 * Refuses a folder that is not empty and not of this kind. Nothing is written.
 * @param isKnown true if the caller recognises the folder as one that an earlier version left without a mark
 * @throws FolderError
 */
export function refuseForeign(folder: string, kind: FolderKind, isKnown = false): void {
  const names = namesIn(folder);
  if (names === null || isKnown) return;
  const foundKind = folderKind(folder);
  if (foundKind === kind || (names.length === 0 && foundKind === null)) return;
  const problem =
    foundKind === null
      ? `expected a new or empty folder, but it contains ${some(names)}, which Slicestack did not write`
      : `is ${KINDS[foundKind].words}, not ${KINDS[kind].words}`;
  throw new FolderError(folder, problem, "Choose another folder: nothing in this one was changed.");
}

/** Creates the folder if it is missing, and marks it before anything else is written. @throws FolderError as refuseForeign */
export function claimFolder(folder: string, kind: FolderKind, isKnown = false): void {
  refuseForeign(folder, kind, isKnown);
  makeFolder(folder);
  markFolder(folder, kind);
}

/** An empty mark is what a full disk left of an earlier one, and is written again. */
export function markFolder(folder: string, kind: FolderKind): void {
  const file = join(folder, FOLDER_MARK);
  const isEmpty = statSync(file, { throwIfNoEntry: false })?.size === 0;
  try {
    writeFileSync(file, markText(kind), { flag: isEmpty ? "w" : "wx" });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

/**
 * Refuses a destination that is not empty: always without `overwrite`, and with it if the folder is not of this kind or
 * contains files that Slicestack did not write. Nothing is written.
 * @throws FolderError
 */
export function refuseOccupied(folder: string, kind: FolderKind, overwrite: boolean): void {
  const names = namesIn(folder);
  if (names === null || names.length === 0) return;
  const only = "--overwrite replaces only what Slicestack wrote.";
  const foundKind = folderKind(folder);
  if (foundKind !== kind) {
    const problem =
      foundKind === null
        ? `it contains ${some(names)}, which Slicestack did not write`
        : `it is ${KINDS[foundKind].words}, not ${KINDS[kind].words}`;
    throw new FolderError(
      folder,
      `expected a new folder, but ${problem}`,
      `Choose another destination: ${only}`,
    );
  }
  if (!overwrite)
    throw new FolderError(
      folder,
      "expected a folder that does not exist yet, but it exists and is not empty",
      "Choose another destination, or pass --overwrite to replace it.",
    );
  const foreign = names.filter(
    (name) => !KINDS[kind].holds.test(name) && folderKind(join(folder, name)) !== "pictures",
  );
  if (foreign.length > 0)
    throw new FolderError(
      folder,
      `is ${KINDS[kind].words} that also contains ${some(foreign)}`,
      `Move them away first, or choose another destination: ${only}`,
    );
}

/**
 * Refuses a file that could not be written or would replace another one, before the work whose result it is to contain.
 * Nobody can tell who wrote a single file, so it is replaced only on request. Nothing is written.
 * @throws FolderError   @throws the file system's error, with the path, if its folder cannot be written into
 */
export function refuseExistingFile(file: string, overwrite: boolean): void {
  const folder = dirname(resolve(file));
  if (!(statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false))
    throw new FolderError(
      file,
      `expected the folder ${folder}, which does not exist`,
      "Create the folder, or choose another name.",
    );
  const existing = lstatSync(file, { throwIfNoEntry: false });
  if (existing?.isDirectory())
    throw new FolderError(file, "expected a file, found a folder", "Choose another name.");
  if (existing !== undefined && !overwrite)
    throw new FolderError(
      file,
      "expected a file that does not exist yet, but it exists",
      "Choose another name, or pass --overwrite to replace it.",
    );
  // A rename onto a device or a pipe would remove it for every program.
  const target = statSync(file, { throwIfNoEntry: false });
  if (target !== undefined && !target.isFile())
    throw new FolderError(
      file,
      "expected a file, found a device, a pipe or a socket",
      "Choose another name.",
    );
  if (existing !== undefined) refuseOwnFile(file);
  refuseUnwritable(file, "file");
}

/** A file of a run or of a data set is never replaced by something else. @throws FolderError */
function refuseOwnFile(file: string): void {
  for (let at = dirname(resolve(file)), part = basename(file); ; part = basename(at), at = dirname(at)) {
    const kind = folderKind(at);
    if (kind !== null && kind !== "pictures" && KINDS[kind].holds.test(part))
      throw new FolderError(file, `is a part of ${KINDS[kind].words}`, "Choose another name.");
    if (kind !== null || dirname(at) === at) return;
  }
}

function some(names: readonly string[]): string {
  const shown = [...names].sort().slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
