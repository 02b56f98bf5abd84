/** Slice embeddings of a part of a data set, computed once and kept by content: weights, transform, data. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Tensor } from "@slicestack/torch";
import { cacheDirectory } from "../run/cache.js";
import { sliceIndices, type TaskVolume } from "../data/task.js";
import { readSafetensors, writeSafetensors } from "../export/safetensors.js";
import { embedSlices, type PredictOptions, type StackedVolume } from "./predict.js";
import type { SliceStore } from "./slice-input.js";
import type { SliceModel } from "./slice-model.js";

export interface StackedEmbeddings {
  /** N slices x E, float32. */
  embedding_NE: Tensor;
  volumes: (StackedVolume & { label: number })[];
  /** True where they came from the cache. */
  cached: boolean;
}

export interface EmbeddingSource {
  model: SliceModel;
  /** SHA-256 of the weights. */
  weightsHash: string;
  store: SliceStore;
  datasetHash: string;
}

/** @returns tensors owned by the scope around */
export function volumeEmbeddings(
  source: EmbeddingSource,
  volumes: readonly TaskVolume[],
  options: PredictOptions,
): StackedEmbeddings {
  const { model, store, weightsHash, datasetHash } = source;
  const indices = volumes.flatMap(sliceIndices);
  const { device, ...transform } = store.transform;
  const key = createHash("sha256")
    .update(
      JSON.stringify([
        "embeddings 1",
        weightsHash,
        transform,
        datasetHash,
        options.bfloat16,
        device.split(":")[0],
        indices,
      ]),
    )
    .digest("hex");
  const folder = join(cacheDirectory(process.env, homedir()), "embeddings");
  const file = join(folder, `${key}.safetensors`);
  const placed: (StackedVolume & { label: number })[] = [];
  let offset = 0;
  for (const { count, label } of volumes) {
    placed.push({ offset, count, label });
    offset += count;
  }
  const kept = readCached(file);
  if (kept !== undefined) return { embedding_NE: kept.to({ device }), volumes: placed, cached: true };
  const embedding_NE = embedSlices(model, store, indices, options);
  mkdirSync(folder, { recursive: true });
  writeSafetensors(file, new Map([["embedding", embedding_NE]]));
  return { embedding_NE, volumes: placed, cached: false };
}

// A damaged entry is worth nothing but the time to make it again.
function readCached(file: string): Tensor | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return readSafetensors(file).tensors.get("embedding");
  } catch {
    return undefined;
  }
}
