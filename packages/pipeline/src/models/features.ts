/**
 * What a frozen slice model makes of the slices of a part of a data set, computed once and kept by content: weights,
 * transform, data. Embeddings for the heads; last feature maps for maps_3d, which are large and stay on disk, mapped.
 * N slices, E embedding, F channels of maps of h x w; together "features".
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { cat, getNumThreads, libtorchInfo, mapFile, scope, zeros, type Tensor } from "@slicestack/torch";
import { allReduce, rank, worldSize } from "@slicestack/torch/distributed";
import { augmentStacks } from "../augment/augment.js";
import type { AugmentConfig } from "../config/augment.js";
import { AtomicFileWriter } from "../data/atomic.js";
import { Random } from "../data/random.js";
import { spreadOver } from "../data/sampler.js";
import type { TaskVolume } from "../data/task.js";
import { readSafetensors, writeSafetensors } from "../export/safetensors.js";
import { codeOf, readHeader, WeightsFile } from "@slicestack/torch/safetensors";
import { cacheDirectory } from "../run/cache.js";
import { embedInput, embedSlices, mapsOfSlices, type PredictOptions, type StackedVolume } from "./predict.js";
import type { SliceStore } from "./slice-input.js";
import type { SliceModel } from "./slice-model.js";

export interface Features {
  /** N x E float32, or N x F x h x w as the trunk computes them. */
  features_N: Tensor;
  volumes: (StackedVolume & { label: number })[];
  /** True where they came from the cache. */
  cached: boolean;
}

export interface FeatureSource {
  model: SliceModel;
  /** SHA-256 of the weights. */
  weightsHash: string;
  store: SliceStore;
  datasetHash: string;
  /** Slices of a volume, at even distances; null or absent: all. */
  slices?: number | null;
}

/** One augmented look at each volume: all its slices share the draw. */
export interface View {
  augment: AugmentConfig;
  seed: number;
  number: number;
}

/** Embeddings of the slices of these volumes. @returns tensors owned by the scope around */
export function volumeEmbeddings(
  source: FeatureSource,
  volumes: readonly TaskVolume[],
  options: PredictOptions & { view?: View },
): Features {
  const { model, store } = source;
  const { view } = options;
  const { chosen, placed } = slicesOf(source, volumes);
  const file = cacheFile(source, chosen, options, view === undefined ? "embeddings" : { view });
  const kept = readCached(file);
  if (kept !== undefined) return { features_N: kept.to({ device: store.transform.device }), volumes: placed, cached: true }; // prettier-ignore
  const embed = (some: readonly number[][], first: number) =>
    view === undefined
      ? embedSlices(model, store, some.flat(), options)
      : embedViews(source, some, volumes.slice(first), view, options);
  const features_N = worldSize() === 1 ? embed(chosen, 0) : embedTogether(chosen, model.embedding, embed);
  if (rank() === 0) writeSafetensors(file, new Map([["embedding", features_N]]));
  return { features_N, volumes: placed, cached: false };
}

/** The last feature maps of the slices of these volumes, in a file that is mapped into memory; on the CPU. */
export function volumeMaps(source: FeatureSource, volumes: readonly TaskVolume[], options: PredictOptions): Features {
  const { chosen, placed } = slicesOf(source, volumes);
  const file = cacheFile(source, chosen, options, "maps");
  const cached = mapped(file);
  if (cached !== undefined) return { features_N: cached, volumes: placed, cached: true };
  writeMaps(file, source, chosen.flat(), options);
  return { features_N: mapped(file)!, volumes: placed, cached: false };
}

function slicesOf({ store, slices = null }: FeatureSource, volumes: readonly TaskVolume[]) {
  const chosen = volumes.map((volume) => [...spreadOver(store.slicesOf(volume), slices)]);
  let offset = 0;
  const placed = volumes.map(({ label }, k) => {
    const count = chosen[k]!.length;
    return { offset: (offset += count) - count, count, label };
  });
  return { chosen, placed };
}

function cacheFile(source: FeatureSource, chosen: number[][], options: PredictOptions, kind: unknown): string {
  const { store, weightsHash, datasetHash } = source;
  const { device, ...transform } = store.transform;
  const { bfloat16 } = options;
  const { version, cpuCapability } = libtorchInfo(); // with the number of threads, what the last bits depend on
  const engine = [version, cpuCapability, getNumThreads(), bfloat16, device.split(":")[0]];
  const facts = ["features 3", kind, weightsHash, transform, datasetHash, engine, chosen.flat()];
  const key = createHash("sha256").update(JSON.stringify(facts)).digest("hex");
  const folder = join(cacheDirectory(process.env, homedir()), "embeddings");
  mkdirSync(folder, { recursive: true });
  return join(folder, `${key}.safetensors`);
}

function embedViews(
  { model, store }: FeatureSource,
  chosen: readonly number[][],
  volumes: readonly TaskVolume[],
  { augment, seed, number }: View,
  options: PredictOptions,
): Tensor {
  const random = new Random(seed).fork(`view ${number}`);
  let done = 0;
  model.eval();
  return scope(() =>
    cat(
      chosen.map((slices, k) =>
        scope(() => {
          const wide_1SCHW = store.wide(slices).unsqueeze(0);
          const unit_SCHW = augmentStacks(wide_1SCHW, augment, random.fork(volumes[k]!.id), store.transform).squeeze(0);
          const embedding_SE = embedInput(model, store, unit_SCHW, options);
          options.onBatch?.((done += slices.length));
          return embedding_SE;
        }),
      ),
    ),
  );
}

/** Each process embeds its share of the volumes; all end with the whole. */
function embedTogether(
  chosen: number[][],
  embedding: number,
  embed: (some: readonly number[][], first: number) => Tensor,
): Tensor {
  return scope(() => {
    const edge = (place: number) => Math.floor((place * chosen.length) / worldSize());
    const [from, to] = [edge(rank()), edge(rank() + 1)];
    const count = (some: number[][]) => some.reduce((sum, { length }) => sum + length, 0);
    const [before, own, all] = [count(chosen.slice(0, from)), count(chosen.slice(from, to)), count(chosen)];
    if (own === 0) return allReduce(zeros([all, embedding]));
    const part_NE = embed(chosen.slice(from, to), from);
    return allReduce(part_NE.pad([0, 0, before, all - before - own]).contiguous());
  });
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

const mapsBatch = 64;

function writeMaps(file: string, { model, store }: FeatureSource, slices: number[], options: PredictOptions): void {
  const first_NFhw = scope(() => mapsOfSlices(model, store, slices.slice(0, mapsBatch), options));
  const [, ...shape] = first_NFhw.shape;
  const { dtype } = first_NFhw;
  const bytes = slices.length * shape.reduce((a, b) => a * b, 1) * (dtype === "bfloat16" ? 2 : 4);
  const entry = { dtype: codeOf[dtype], shape: [slices.length, ...shape], data_offsets: [0, bytes] };
  const text = JSON.stringify({ __metadata__: {}, maps: entry });
  const header = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const writer = new AtomicFileWriter(file);
  try {
    writer.write(Buffer.concat([length, header]));
    for (let start = 0; start < slices.length; start += mapsBatch) {
      scope(() => {
        const part = slices.slice(start, start + mapsBatch);
        const maps_NFhw = start === 0 ? first_NFhw : mapsOfSlices(model, store, part, options);
        const bits = maps_NFhw.viewDtype(dtype === "bfloat16" ? "int16" : "int32").toTypedArray();
        writer.write(new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength));
        options.onBatch?.(start + part.length);
      });
    }
    writer.commit();
  } catch (error) {
    writer.abort();
    throw error;
  } finally {
    first_NFhw.dispose();
  }
}

function mapped(path: string): Tensor | undefined {
  if (!existsSync(path)) return undefined;
  try {
    using file = new WeightsFile(path);
    const stored = readHeader(file).stored.get("maps")!;
    const { dtype, place, bytes } = stored.storage;
    return scope(() =>
      mapFile(path, file.size)
        .narrow(0, place!.at, bytes)
        .viewDtype(dtype)
        .view(...stored.shape),
    );
  } catch {
    return undefined;
  }
}
