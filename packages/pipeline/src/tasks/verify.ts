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
  const verification: Verification = { folder: root, kind, checked: [], problems: [], unchecked: [] };
  checkMark(verification, kind);
  if (kind === "dataset") await verifyDataFolder(verification, options);
  else if (kind === "run") verifyRun(verification);
  else await verifyGroup(verification, options);
  // A file may be checked in two ways.
  const failed = new Set(verification.problems.map(({ file }) => file));
  return { ...verification, checked: [...new Set(verification.checked)].filter((file) => !failed.has(file)) };
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
function check(verification: Verification, file: string, body: () => void): void {
  if (!existsSync(join(verification.folder, file))) return;
  try {
    body();
    verification.checked.push(file);
  } catch (error) {
    verification.problems.push({ file, message: error instanceof Error ? error.message : String(error) });
  }
}

function checkMark(verification: Verification, kind: FolderKind): void {
  check(verification, FOLDER_MARK, () => {
    const file = join(verification.folder, FOLDER_MARK);
    if (readFileSync(file, "utf8") !== markText(kind))
      throw new Error(`${file}: expected ${markText(kind).trim()}`);
  });
}

/** @returns whether the file ends with a hash of itself */
function isSealed(verification: Verification, file: string): boolean {
  try {
    return openSealed(readFileSync(join(verification.folder, file), "utf8")).isSealed;
  } catch {
    return true; // damaged, and already reported
  }
}

function noteUnsealed(verification: Verification, file: string): void {
  if (!existsSync(join(verification.folder, file)) || isSealed(verification, file)) return;
  verification.checked = verification.checked.filter((name) => name !== file);
  verification.unchecked.push({ file, reason: "an earlier version wrote it, without a hash" });
}

async function verifyDataFolder(verification: Verification, { onProgress, signal }: Options): Promise<void> {
  let dataset: Dataset | undefined;
  try {
    dataset = openDataset(verification.folder);
    verification.checked.push("dataset.json", "subjects.csv");
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const file =
      ["dataset.json", "subjects.csv", "slices.npy"].find((name) => message.includes(name)) ?? "dataset.json";
    verification.problems.push({ file, message });
  }
  noteUnsealed(verification, "dataset.json");
  if (dataset !== undefined) {
    const opened = dataset;
    check(verification, "split.json", () =>
      readSplits(join(verification.folder, "split.json")).forEach((split) => checkSplit(split, opened)),
    );
    noteUnsealed(verification, "split.json");
    check(verification, "shard.json", () =>
      openSealed(readFileSync(join(verification.folder, "shard.json"), "utf8")),
    );
    await verifyVoxels(verification, opened, {
      ...(onProgress && { onProgress }),
      ...(signal && { signal }),
    });
  }
  const known = ["dataset.json", "subjects.csv", "slices.npy", "split.json", "shard.json", FOLDER_MARK];
  for (const name of readdirSync(verification.folder).sort())
    if (!known.includes(name))
      verification.unchecked.push({ file: name, reason: "it is not a file of a data set" });
}

async function verifyVoxels(
  verification: Verification,
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
    verification.checked.push("slices.npy");
  } catch (error) {
    signal?.throwIfAborted();
    verification.problems.push({
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

function verifyRun(verification: Verification): void {
  const { folder } = verification;
  const paths = runPaths(folder);
  let hasConfigHash = false;
  check(verification, "run.json", () => (hasConfigHash = readRecord(folder).configSha256 !== undefined));
  noteUnsealed(verification, "run.json");
  check(verification, "config.yaml", () => readRunConfig(folder));
  if (!hasConfigHash && verification.checked.includes("config.yaml")) {
    verification.checked = verification.checked.filter((name) => name !== "config.yaml");
    verification.unchecked.push({ file: "config.yaml", reason: "run.json does not contain its hash" });
  }
  check(verification, "model.json", () => readSpec(folder));
  check(verification, "split.json", () => {
    const [split] = readSplits(paths.split);
    if (split?.hash !== readRecord(folder).splitHash)
      throw new Error(
        `${paths.split}: is not the split that the run was started with. Put the old one back.`,
      );
  });
  noteUnsealed(verification, "split.json");
  for (const stage of STAGES) verifyStage(verification, relative(folder, paths.checkpoints(stage)));
  verifyChecksums(verification);
}

function verifyStage(verification: Verification, stage: string): void {
  const at = (name: string) => join(verification.folder, stage, name);
  const best = `${stage}/best.safetensors`;
  const recorded = recordedHashes(at("best.safetensors"));
  check(verification, best, () => {
    if (recorded === null) return;
    const hash = fileHashSync(at("best.safetensors"));
    if (recorded.length !== 1 || recorded[0] !== hash)
      throw new Error(
        `${at("best.safetensors")}: has the SHA-256 ${hash}, best.sha256 beside it has ${recorded.join(" or ") || "none"}: one of the two was changed. Copy both again from their source, or train this stage again.`,
      );
    verification.checked.push(`${stage}/best.sha256`);
  });
  if (recorded === null && existsSync(at("best.safetensors"))) {
    verification.checked = verification.checked.filter((name) => name !== best);
    verification.unchecked.push({ file: best, reason: "it has no best.sha256 beside it" });
  }
  check(verification, `${stage}/last.json`, () => {
    let states: { file: string; sha256: string }[];
    try {
      ({ states } = pointerSchema.parse(JSON.parse(readFileSync(at("last.json"), "utf8"))));
    } catch {
      throw new Error(`${at("last.json")}: is damaged. Resuming uses an intact state beside it.`);
    }
    for (const { file, sha256 } of states)
      check(verification, `${stage}/${basename(file)}`, () => {
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

function verifyChecksums(verification: Verification): void {
  const { folder } = verification;
  let recorded: ReturnType<typeof readChecksums> = {};
  check(verification, CHECKSUMS, () => (recorded = readChecksums(folder)));
  for (const [path, entry] of Object.entries(recorded)) {
    const problem = problemOf(folder, path, entry);
    if (problem === null) verification.checked.push(path);
    else verification.problems.push({ file: path, message: `${join(folder, path)}: ${problem}` });
  }
  if (verification.problems.some(({ file }) => file === CHECKSUMS)) return;
  for (const path of filesBelow(folder))
    if (recorded[path] === undefined)
      verification.unchecked.push({ file: path, reason: "no command has recorded its hash" });
}

async function verifyGroup(verification: Verification, options: Options): Promise<void> {
  const { folder } = verification;
  check(verification, "group.json", () => readGroup(folder));
  noteUnsealed(verification, "group.json");
  if (verification.problems.length > 0) return;
  const record = readGroup(folder);
  check(verification, "config.yaml", () => readGroupConfig(folder, record));
  check(verification, "split.json", () => groupSplits(folder, record));
  noteUnsealed(verification, "split.json");
  verifyChecksums(verification);
  for (const member of record.members) {
    const run = groupPaths(folder).member(member);
    if (!existsSync(run)) continue;
    const { checked, problems, unchecked } = await verify(run, options);
    const named = <T extends { file: string }>(entry: T): T => ({
      ...entry,
      file: `${member.name}/${entry.file}`,
    });
    verification.checked.push(...checked.map((file) => `${member.name}/${file}`));
    verification.problems.push(...problems.map(named));
    verification.unchecked.push(...unchecked.map(named));
  }
}
