/**
 * Weights that a later step reads are stored with their SHA-256: `best.sha256` beside `best.safetensors`, in the format of
 * `sha256sum -c`. It is compared when the weights are read, which hashes the whole file anyway.
 */
import { copyFileSync, existsSync, readFileSync, renameSync } from "node:fs";
import { basename } from "node:path";
import type { Tensor } from "@slicestack/torch";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { writeFileAtomic } from "../data/atomic.js";
import { writeSafetensors } from "./safetensors.js";

export const hashFileOf = (file: string): string => file.replace(/\.safetensors$/, ".sha256");

/** Writes weights and their hash. Even if the process is killed, the recorded hash is that of the existing weights. */
export function writeRecorded(
  file: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string> = {},
): string {
  const before = recordedHashes(file);
  const beforeCommit = (sha256: string) => record(file, [sha256, ...(before ?? [])]);
  const sha256 = writeSafetensors(file, tensors, metadata, { beforeCommit });
  record(file, [sha256]);
  return sha256;
}

/** Copies weights byte for byte, and records their hash. @param sha256 of the file, as it was checked */
export function copyRecorded(from: string, to: string, sha256: string): void {
  const temporary = `${to}.tmp`;
  copyFileSync(from, temporary);
  record(to, [sha256]);
  renameSync(temporary, to);
}

function record(file: string, hashes: readonly string[]): void {
  writeFileAtomic(hashFileOf(file), hashes.map((hash) => `${hash}  ${basename(file)}\n`).join(""));
}

/** @param hash SHA-256 of the file, as it was read   @throws CheckpointError if another one was recorded */
export function checkRecorded(file: string, hash: string): void {
  const recorded = recordedHashes(file);
  if (recorded === null || recorded.includes(hash)) return;
  const [first] = recorded;
  throw new CheckpointError(
    file,
    first === undefined
      ? `cannot be checked: ${basename(hashFileOf(file))} is damaged`
      : `has the SHA-256 ${hash.slice(0, 12)}…, ${basename(hashFileOf(file))} beside it has ${first.slice(0, 12)}…: one of the two was changed`,
    "Copy both files again from their source, or train this stage again.",
  );
}

/** The recorded hashes; null if there are none, because an earlier version or another program wrote the weights. */
export function recordedHashes(file: string): string[] | null {
  if (!file.endsWith(".safetensors") || !existsSync(hashFileOf(file))) return null;
  const lines = readFileSync(hashFileOf(file), "utf8").split("\n");
  const endings = ["  ", " *"].map((between) => `${between}${basename(file)}`);
  const hashes = lines.map((line) => {
    const ending = endings.find((ending) => line.endsWith(ending));
    return ending === undefined ? line : line.slice(0, -ending.length);
  });
  return hashes.filter((hash) => /^[0-9a-f]{64}$/.test(hash));
}
