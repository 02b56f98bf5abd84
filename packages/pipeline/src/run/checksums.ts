/**
 * checksums.json of a run or a group: the SHA-256 of every file that training and evaluation wrote there, except those with
 * a separate hash (run.json, config.yaml, model.json, split.json, best weights, states).
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../data/atomic.js";
import { fileHashSync } from "../data/hash.js";
import { FOLDER_MARK, folderKind } from "../data/owned-folder.js";
import { openSealed, sealedJson } from "../data/sealed-json.js";
import { RunError } from "./folder.js";

export const CHECKSUMS = "checksums.json";

const schema = z.strictObject({
  version: z.literal(1),
  /** By path relative to the folder, with forward slashes. */
  files: z.record(z.string(), z.strictObject({ bytes: z.int().min(0), sha256: z.string() })),
});
type Files = z.infer<typeof schema>["files"];

/** Files that only grow: their recorded size and hash are those of their beginning. */
const isLog = (path: string): boolean =>
  /^(metrics\.jsonl|run\.log|test-reads\.jsonl|events\.out\..*)$/.test(path);

/** Files that are checked in another way, or need no check. */
const isLeftOut = (path: string): boolean =>
  /^(run\.json|group\.json|config\.yaml|model\.json|split\.json|checksums\.json|checkpoints\/[a-z_]+\/(best\.(safetensors|sha256)|.*\.state))$/.test(
    path,
  ) || /(^|\/)(\.lock(\..*)?|\..+\.tmp|\.slicestack|\.DS_Store)$/.test(path);

/** The files that resumed training rewrites. All others keep their checksums, so that a change to them is noticed. */
export const isTrainingFile = (path: string): boolean =>
  /^(metrics\.jsonl|checkpoints\/\w+\/last\.json)$/.test(path);

/** Which files an evaluation writes into a subfolder of the run. @param below the subfolder, relative to the run; "" for the run itself */
export function evaluationFiles(below: string): (path: string) => boolean {
  if (below !== "") return (path) => path.startsWith(`${below.split(sep).join("/")}/`);
  return (path) => !isLog(path) && !/^(checkpoints|external|paper)\//.test(path);
}

/** Removes the checksums of files that are about to be rewritten. */
export function dropChecksums(folder: string, isRewritten: (path: string) => boolean = () => true): void {
  if (!existsSync(join(folder, CHECKSUMS))) return;
  const kept = Object.entries(readChecksums(folder)).filter(([path]) => !isRewritten(path));
  if (kept.length === 0) rmSync(join(folder, CHECKSUMS));
  else write(folder, Object.fromEntries(kept));
}

/**
 * Does the same before a command that may still be refused.
 * @returns a function that restores the checksums of the files that were not rewritten; a file that was damaged before still
 *   differs from its checksum
 */
export function suspendChecksums(folder: string, isRewritten: (path: string) => boolean): () => void {
  const suspended = Object.entries(readChecksums(folder)).filter(([path]) => isRewritten(path));
  const contents = suspended.map(([path]) => contentOf(folder, path));
  dropChecksums(folder, isRewritten);
  return () => {
    const untouched = suspended.filter(([path], k) => contentOf(folder, path) === contents[k]);
    if (untouched.length > 0) write(folder, { ...readChecksums(folder), ...Object.fromEntries(untouched) });
  };
}

/** The current hash of a file; null if it does not exist. */
function contentOf(folder: string, path: string): string | null {
  return existsSync(join(folder, path)) ? fileHashSync(join(folder, path)) : null;
}

/** After a command has written files: records new files, and logs that have grown and whose beginning is unchanged. */
export function addChecksums(folder: string): void {
  const files = readChecksums(folder);
  for (const path of filesBelow(folder)) {
    const before = files[path];
    if (before !== undefined && !(isLog(path) && problemOf(folder, path, before) === null)) continue;
    const bytes = statSync(join(folder, path)).size;
    files[path] = { bytes, sha256: fileHashSync(join(folder, path), bytes) };
  }
  write(folder, files);
}

/** The recorded checksums by path; none if no command has ended yet or an earlier version wrote the run. @throws RunError if the file is damaged */
export function readChecksums(folder: string): Files {
  const file = join(folder, CHECKSUMS);
  if (!existsSync(file)) return {};
  try {
    return schema.parse(openSealed(readFileSync(file, "utf8")).value).files;
  } catch (error) {
    const problem =
      error instanceof z.ZodError
        ? "does not contain checksums"
        : error instanceof Error
          ? error.message
          : "";
    throw new RunError(
      file,
      problem,
      "Put the old file back, or remove it; without it, the files beside it are not checked.",
    );
  }
}

/** Refuses a file of a run that was changed after it was written. @throws RunError */
export function checkFile(folder: string, file: string, remedy: string): void {
  const path = relative(resolve(folder), resolve(file)).split(sep).join("/");
  const recorded = readChecksums(folder)[path];
  const problem = recorded === undefined || !existsSync(file) ? null : problemOf(folder, path, recorded);
  if (problem !== null) throw new RunError(file, problem, remedy);
}

/** @returns what is wrong with a file; null if it is as recorded */
export function problemOf(folder: string, path: string, { bytes, sha256 }: Files[string]): string | null {
  const size = statSync(join(folder, path), { throwIfNoEntry: false })?.size;
  if (size === undefined) return "is missing";
  if (isLog(path) ? size < bytes : size !== bytes) return `has ${size} bytes, expected ${bytes}`;
  return fileHashSync(join(folder, path), bytes) === sha256 ? null : "was changed after it was written";
}

/** The paths of the files that checksums.json covers, with forward slashes, sorted; runs and pictures in subfolders are excluded. */
export function filesBelow(folder: string, below = ""): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true })
    .flatMap((entry) => {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (isLeftOut(path)) return [];
      if (!entry.isDirectory()) return entry.isFile() ? [path] : [];
      const isAnother =
        existsSync(join(folder, path, FOLDER_MARK)) || folderKind(join(folder, path)) !== null;
      return isAnother ? [] : filesBelow(folder, path);
    })
    .sort();
}

function write(folder: string, files: Files): void {
  const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileAtomic(join(folder, CHECKSUMS), sealedJson({ version: 1, files: sorted }));
}
