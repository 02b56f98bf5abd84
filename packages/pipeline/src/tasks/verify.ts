/** `slicestack verify`: compares every file of a data set, run or group with the hash that was recorded when it was written. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { encodeNpyHeader } from "@slicestack/volume";
import { z } from "zod";
import type { TaskOptions } from "../engine/task-options.js";
import { STAGES } from "../config/stages.js";
import { fileHashSync } from "../data/hash.js";
import { FOLDER_MARK, FolderError, folderKind, markText, type FolderKind } from "../data/owned-folder.js";
import { openSealed } from "../data/sealed-json.js";
import { checkSplit, readSplits } from "../data/split/split.js";
import { openDataset, verifyDataset, type Dataset } from "../data/store.js";
import { recordedHashes } from "../weights/recorded-hash.js";
import { readSpec } from "../models/spec-file.js";
import { CHECKSUMS, filesBelow, problemOf, readChecksums } from "../run/checksums.js";
import { readRecord, readRunConfig, runPaths } from "../run/folder.js";
import { groupPaths, groupSplits, readGroup, readGroupConfig } from "../run/group.js";

export interface Verification {
  folder: string;
  kind: "dataset" | "run" | "group";
  /** Files whose hash was compared, relative to the folder. */
  checked: string[];
  /** Files that have changed since they were written; the message names the file. */
  problems: { file: string; message: string }[];
  /** Files without a recorded hash, with the reason. */
  unchecked: { file: string; reason: string }[];
}

type Options = Pick<TaskOptions, "onProgress" | "signal">;

/** Reads every byte of a folder. @throws FolderError if Slicestack did not create it   @throws the signal's reason */
export async function verify(folder: string, options: Options = {}): Promise<Verification> {
  const root = resolve(folder);
  const kind = kindOf(root);
  const found: Verification = { folder: root, kind, checked: [], problems: [], unchecked: [] };
  checkMark(found, kind);
  if (kind === "dataset") await verifyDataFolder(found, options);
  else if (kind === "run") verifyRun(found);
  else await verifyGroup(found, options);
  // A file may be checked in two ways.
  const failed = new Set(found.problems.map(({ file }) => file));
  return { ...found, checked: [...new Set(found.checked)].filter((file) => !failed.has(file)) };
}

function kindOf(root: string): Verification["kind"] {
  const kind = folderKind(root);
  if (kind === "dataset" || kind === "run" || kind === "group") return kind;
  // A record that is too damaged to be recognised still has its name.
  for (const [file, meant] of [
    ["dataset.json", "dataset"],
    ["run.json", "run"],
    ["group.json", "group"],
  ] as const)
    if (existsSync(join(root, file))) return meant;
  throw new FolderError(
    root,
    "is not a data set, run or group of Slicestack",
    "Give a folder that prepare or train has created.",
  );
}

/** Runs one check. A missing file is skipped. */
function check(found: Verification, file: string, body: () => void): void {
  if (!existsSync(join(found.folder, file))) return;
  try {
    body();
    found.checked.push(file);
  } catch (error) {
    found.problems.push({ file, message: error instanceof Error ? error.message : String(error) });
  }
}

function checkMark(found: Verification, kind: FolderKind): void {
  check(found, FOLDER_MARK, () => {
    const file = join(found.folder, FOLDER_MARK);
    if (readFileSync(file, "utf8") !== markText(kind))
      throw new Error(`${file}: expected ${markText(kind).trim()}`);
  });
}

/** @returns whether the file ends with a hash of itself */
function isSealed(found: Verification, file: string): boolean {
  try {
    return openSealed(readFileSync(join(found.folder, file), "utf8")).isSealed;
  } catch {
    return true; // damaged, and already reported
  }
}

function noteUnsealed(found: Verification, file: string): void {
  if (!existsSync(join(found.folder, file)) || isSealed(found, file)) return;
  found.checked = found.checked.filter((one) => one !== file);
  found.unchecked.push({ file, reason: "an earlier version wrote it, without a hash" });
}

async function verifyDataFolder(found: Verification, { onProgress, signal }: Options): Promise<void> {
  let dataset: Dataset | undefined;
  try {
    dataset = openDataset(found.folder);
    found.checked.push("dataset.json", "subjects.csv");
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const file =
      ["dataset.json", "subjects.csv", "slices.npy"].find((name) => message.includes(name)) ?? "dataset.json";
    found.problems.push({ file, message });
  }
  noteUnsealed(found, "dataset.json");
  if (dataset !== undefined) {
    const opened = dataset;
    check(found, "split.json", () =>
      readSplits(join(found.folder, "split.json")).forEach((split) => checkSplit(split, opened)),
    );
    noteUnsealed(found, "split.json");
    check(found, "shard.json", () => openSealed(readFileSync(join(found.folder, "shard.json"), "utf8")));
    await verifyVoxels(found, opened, { ...(onProgress && { onProgress }), ...(signal && { signal }) });
  }
  const known = ["dataset.json", "subjects.csv", "slices.npy", "split.json", "shard.json", FOLDER_MARK];
  for (const name of readdirSync(found.folder).sort())
    if (!known.includes(name)) found.unchecked.push({ file: name, reason: "it is not a file of a data set" });
}

async function verifyVoxels(
  found: Verification,
  dataset: Dataset,
  { onProgress, signal }: Options,
): Promise<void> {
  const { info, volumes, slicesPath, slicesOffset } = dataset;
  try {
    const slices = volumes.reduce((sum, { count }) => sum + count, 0);
    const expected = encodeNpyHeader(info.dtype, [slices, info.height, info.width], slicesOffset);
    if (!Buffer.from(expected).equals(startOf(slicesPath, slicesOffset)))
      throw new Error(`${slicesPath}: its header is not the one that was written`);
    const mega = (bytes: number) => Math.ceil(bytes / 1e6);
    const onBytes = (done: number, total: number) =>
      onProgress?.({ stage: "verify", done: mega(done), total: mega(total), unit: "MB" });
    await verifyDataset(dataset, { onBytes, signal });
    found.checked.push("slices.npy");
  } catch (error) {
    signal?.throwIfAborted();
    found.problems.push({
      file: "slices.npy",
      message: error instanceof Error ? error.message : String(error),
    });
  }
}

function startOf(file: string, bytes: number): Buffer {
  const start = Buffer.alloc(bytes);
  const descriptor = openSync(file, "r");
  try {
    readSync(descriptor, start, 0, bytes, 0);
  } finally {
    closeSync(descriptor);
  }
  return start;
}

const pointerSchema = z.object({ states: z.array(z.object({ file: z.string(), sha256: z.string() })) });

function verifyRun(found: Verification): void {
  const { folder } = found;
  const paths = runPaths(folder);
  let hasConfigHash = false;
  check(found, "run.json", () => (hasConfigHash = readRecord(folder).configSha256 !== undefined));
  noteUnsealed(found, "run.json");
  check(found, "config.yaml", () => readRunConfig(folder));
  if (!hasConfigHash && found.checked.includes("config.yaml")) {
    found.checked = found.checked.filter((one) => one !== "config.yaml");
    found.unchecked.push({ file: "config.yaml", reason: "run.json does not contain its hash" });
  }
  check(found, "model.json", () => readSpec(folder));
  check(found, "split.json", () => {
    const [split] = readSplits(paths.split);
    if (split?.hash !== readRecord(folder).splitHash)
      throw new Error(
        `${paths.split}: is not the split that the run was started with. Put the old one back.`,
      );
  });
  noteUnsealed(found, "split.json");
  for (const stage of STAGES) verifyStage(found, relative(folder, paths.checkpoints(stage)));
  verifyChecksums(found);
}

function verifyStage(found: Verification, stage: string): void {
  const at = (name: string) => join(found.folder, stage, name);
  const best = `${stage}/best.safetensors`;
  const recorded = recordedHashes(at("best.safetensors"));
  check(found, best, () => {
    if (recorded === null) return;
    const hash = fileHashSync(at("best.safetensors"));
    if (recorded.length !== 1 || recorded[0] !== hash)
      throw new Error(
        `${at("best.safetensors")}: has the SHA-256 ${hash}, best.sha256 beside it has ${recorded.join(" or ") || "none"}: one of the two was changed. Copy both again from their source, or train this stage again.`,
      );
    found.checked.push(`${stage}/best.sha256`);
  });
  if (recorded === null && existsSync(at("best.safetensors"))) {
    found.checked = found.checked.filter((one) => one !== best);
    found.unchecked.push({ file: best, reason: "it has no best.sha256 beside it" });
  }
  check(found, `${stage}/last.json`, () => {
    let states: { file: string; sha256: string }[];
    try {
      ({ states } = pointerSchema.parse(JSON.parse(readFileSync(at("last.json"), "utf8"))));
    } catch {
      throw new Error(`${at("last.json")}: is damaged. Resuming uses an intact state beside it.`);
    }
    for (const { file, sha256 } of states)
      check(found, `${stage}/${basename(file)}`, () => {
        if (fileHashSync(at(basename(file))) !== sha256)
          throw new Error(
            `${at(basename(file))}: does not have the SHA-256 in last.json beside it: one of the two was changed. Resuming uses the state before it.`,
          );
      });
    const missing = states.find(({ file }) => !existsSync(at(file)));
    if (missing !== undefined)
      throw new Error(`${at("last.json")}: names ${missing.file}, which does not exist`);
  });
}

function verifyChecksums(found: Verification): void {
  const { folder } = found;
  let recorded: ReturnType<typeof readChecksums> = {};
  check(found, CHECKSUMS, () => (recorded = readChecksums(folder)));
  for (const [path, entry] of Object.entries(recorded)) {
    const problem = problemOf(folder, path, entry);
    if (problem === null) found.checked.push(path);
    else found.problems.push({ file: path, message: `${join(folder, path)}: ${problem}` });
  }
  if (found.problems.some(({ file }) => file === CHECKSUMS)) return;
  for (const path of filesBelow(folder))
    if (recorded[path] === undefined)
      found.unchecked.push({ file: path, reason: "no command has recorded its hash" });
}

async function verifyGroup(found: Verification, options: Options): Promise<void> {
  const { folder } = found;
  check(found, "group.json", () => readGroup(folder));
  noteUnsealed(found, "group.json");
  if (found.problems.length > 0) return;
  const record = readGroup(folder);
  check(found, "config.yaml", () => readGroupConfig(folder, record));
  check(found, "split.json", () => groupSplits(folder, record));
  noteUnsealed(found, "split.json");
  verifyChecksums(found);
  for (const member of record.members) {
    const run = groupPaths(folder).member(member);
    if (!existsSync(run)) continue;
    const { checked, problems, unchecked } = await verify(run, options);
    const named = <T extends { file: string }>(one: T): T => ({ ...one, file: `${member.name}/${one.file}` });
    found.checked.push(...checked.map((file) => `${member.name}/${file}`));
    found.problems.push(...problems.map(named));
    found.unchecked.push(...unchecked.map(named));
  }
}
