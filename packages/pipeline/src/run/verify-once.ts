/**
 * Compares the voxels of a data set with their hashes before training or evaluation reads them, once on each machine. The cache
 * keeps a stamp of every slices.npy that was found intact: its size, times and inode. Writing into the file changes its times,
 * and then it is checked again. `slicestack verify` always checks it.
 */
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { makeFolder } from "../data/make-folder.js";
import type { TaskOptions } from "../engine/task-options.js";
import { writeFileAtomic } from "../data/atomic.js";
import { sha256Of } from "../data/sealed-json.js";
import { verifyDataset, type Dataset } from "../data/store.js";
import { cacheSubfolder, tryToKeep } from "./cache-folder.js";

/** Bytes; reading fewer takes too little time for a progress report. */
const REPORTED_FROM = 200e6;

/** @throws DatasetError if a voxel has changed since it was prepared   @throws the signal's reason */
export async function verifyOnce(
  dataset: Dataset,
  options: Pick<TaskOptions, "onProgress" | "signal"> = {},
): Promise<void> {
  const file = join(cacheSubfolder("verified"), sha256Of(dataset.slicesPath));
  const stamp = stampOf(dataset);
  if (textOf(file) === stamp) return;
  const { onProgress, signal } = options;
  const mega = (bytes: number) => Math.ceil(bytes / 1e6);
  await verifyDataset(dataset, {
    signal,
    onBytes: (done, total) => {
      if (total > REPORTED_FROM)
        onProgress?.({ stage: "verify", done: mega(done), total: mega(total), unit: "MB" });
    },
  });
  // The stamp from before the check: if the file was written to meanwhile, the next command checks it again.
  tryToKeep(() => {
    makeFolder(dirname(file));
    writeFileAtomic(file, stamp);
  });
}

function stampOf({ info, slicesPath }: Dataset): string {
  const { size, mtimeNs, ctimeNs, ino, dev } = statSync(slicesPath, { bigint: true });
  return `${[info.hash, size, mtimeNs, ctimeNs, ino, dev].join(" ")}\n`;
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
