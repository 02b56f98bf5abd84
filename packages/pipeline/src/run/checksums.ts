/**
 * checksums.json of a run or a group: the SHA-256 of what training and evaluation left there, but for the files that are
 * checked by hashes of their own (run.json, config.yaml, model.json, split.json, best weights, states).
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
  /** By path below the folder, with forward slashes. */
  files: z.record(z.string(), z.strictObject({ bytes: z.int().min(0), sha256: z.string() })),
});
type Files = z.infer<typeof schema>["files"];

/** Files that only ever grow: what was recorded of them is their beginning. */
const isLog = (path: string): boolean => /^(metrics\.jsonl|run\.log|test-reads\.jsonl|events\.out\..*)$/.test(path);

/** Checked in another way, or nobody's. */
const isLeftOut = (path: string): boolean =>
  /^(run\.json|group\.json|config\.yaml|model\.json|split\.json|checksums\.json|checkpoints\/[a-z_]+\/(best\.(safetensors|sha256)|.*\.state))$/.test(
    path,
  ) || /(^|\/)(\.lock(\..*)?|\..+\.tmp|\.slicestack|\.DS_Store)$/.test(path);

/** What a training writes anew where it goes on. All other files stay as they were recorded, so that a change to them is noticed. */
export const isTrainingFile = (path: string): boolean => /^(metrics\.jsonl|checkpoints\/\w+\/last\.json)$/.test(path);

/** What an evaluation writes: in the folder itself, or in one below it. @param below relative to the run, "" for itself */
export function evaluationFiles(below: string): (path: string) => boolean {
  if (below !== "") return (path) => path.startsWith(`${below.split(sep).join("/")}/`);
  return (path) => !isLog(path) && !/^(checkpoints|external|paper)\//.test(path);
}

/** Before files are written anew: what was recorded of them no longer holds. */
export function dropChecksums(folder: string, isRewritten: (path: string) => boolean = () => true): void {
  if (!existsSync(join(folder, CHECKSUMS))) return;
  const kept = Object.entries(readChecksums(folder)).filter(([path]) => !isRewritten(path));
  if (kept.length === 0) rmSync(join(folder, CHECKSUMS));
  else write(folder, Object.fromEntries(kept));
}

/**
 * The same before a command that may be refused yet.
 * @returns what records again those files that it then did not write, as they were recorded: damaged ones stay known as such
 */
export function suspendChecksums(folder: string, isRewritten: (path: string) => boolean): () => void {
  const suspended = Object.entries(readChecksums(folder)).filter(([path]) => isRewritten(path));
  const found = suspended.map(([path]) => contentOf(folder, path));
  dropChecksums(folder, isRewritten);
  return () => {
    const untouched = suspended.filter(([path], k) => contentOf(folder, path) === found[k]);
    if (untouched.length > 0) write(folder, { ...readChecksums(folder), ...Object.fromEntries(untouched) });
  };
}

/** The hash of a file as it is; null where there is none. */
function contentOf(folder: string, path: string): string | null {
  return existsSync(join(folder, path)) ? fileHashSync(join(folder, path)) : null;
}

/** After a command has written: records what is not recorded yet, and what was added to logs whose beginning is as it was. */
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

/** What is recorded, by path; nothing where no command has ended yet, or an earlier version wrote the run. @throws RunError where it is damaged */
export function readChecksums(folder: string): Files {
  const file = join(folder, CHECKSUMS);
  if (!existsSync(file)) return {};
  try {
    return schema.parse(openSealed(readFileSync(file, "utf8")).value).files;
  } catch (error) {
    const problem = error instanceof z.ZodError ? "holds no checksums" : error instanceof Error ? error.message : "";
    throw new RunError(file, problem, "Put the old file back, or remove it: then the files beside it go unchecked.");
  }
}

/** For what reads a file of a run: refuses one that was changed after it was written. @throws RunError */
export function checkFile(folder: string, file: string, remedy: string): void {
  const path = relative(resolve(folder), resolve(file)).split(sep).join("/");
  const recorded = readChecksums(folder)[path];
  const problem = recorded === undefined || !existsSync(file) ? null : problemOf(folder, path, recorded);
  if (problem !== null) throw new RunError(file, problem, remedy);
}

/** @returns null, or what is wrong with a file */
export function problemOf(folder: string, path: string, { bytes, sha256 }: Files[string]): string | null {
  const size = statSync(join(folder, path), { throwIfNoEntry: false })?.size;
  if (size === undefined) return "is gone";
  if (isLog(path) ? size < bytes : size !== bytes) return `has ${size} bytes, it was written with ${bytes}`;
  return fileHashSync(join(folder, path), bytes) === sha256 ? null : "was changed after it was written";
}

/** Those that checksums.json speaks of, with forward slashes, sorted; none of other runs and pictures below. */
export function filesBelow(folder: string, below = ""): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true })
    .flatMap((entry) => {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (isLeftOut(path)) return [];
      if (!entry.isDirectory()) return entry.isFile() ? [path] : [];
      const isAnother = existsSync(join(folder, path, FOLDER_MARK)) || folderKind(join(folder, path)) !== null;
      return isAnother ? [] : filesBelow(folder, path);
    })
    .sort();
}

function write(folder: string, files: Files): void {
  const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileAtomic(join(folder, CHECKSUMS), sealedJson({ version: 1, files: sorted }));
}
