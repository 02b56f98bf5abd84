/**
 * The voxels of a data set are compared with their hashes before a training or an evaluation reads them: once a machine. A
 * stamp in the cache keeps which slices.npy was found whole, by its size, its times and its place on the disk: whatever was
 * written into it since then has changed its times, and it is read again. `slicestack verify` reads it always.
 */
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TaskOptions } from "../engine/task-options.js";
import { writeFileAtomic } from "../data/atomic.js";
import { sha256Of } from "../data/sealed-json.js";
import { verifyDataset, type Dataset } from "../data/store.js";
import { ownCache, tryToKeep } from "./cache.js";

/** Bytes: fewer are read in the blink of an eye. */
const WORTH_SAYING = 200e6;

/** @throws DatasetError where a voxel is not what was prepared   @throws the signal's reason */
export async function verifyOnce(
  dataset: Dataset,
  options: Pick<TaskOptions, "onProgress" | "signal"> = {},
): Promise<void> {
  const file = join(ownCache("verified"), sha256Of(dataset.slicesPath));
  const stamp = stampOf(dataset);
  if (textOf(file) === stamp) return;
  const { onProgress, signal } = options;
  const mega = (bytes: number) => Math.ceil(bytes / 1e6);
  await verifyDataset(dataset, {
    signal,
    onBytes: (done, total) => {
      if (total > WORTH_SAYING) onProgress?.({ stage: "verify", done: mega(done), total: mega(total), unit: "MB" });
    },
  });
  // Of before it was read: what was written meanwhile is read again the next time.
  tryToKeep(() => {
    mkdirSync(dirname(file), { recursive: true });
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
