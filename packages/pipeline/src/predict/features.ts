/**
 * The features that a frozen slice model computes for slices of a data set, computed once and cached by the hash of weights,
 * transform and data: embeddings for the heads, and last feature maps for maps_3d, which are large and stay in a mapped file.
 * N slices, E embedding, F channels of maps of h x w; together "features".
 */
import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  cat,
  fromTypedArray,
  getNumThreads,
  libtorchInfo,
  mapFile,
  scope,
  tensor,
  zeros,
  type Tensor,
} from "@slicestack/torch";
import {
  allGather,
  allReduce,
  broadcast,
  DistributedError,
  rank,
  worldSize,
} from "@slicestack/torch/distributed";
import { makeFolder } from "../data/make-folder.js";
import { loadedPlugins } from "../config/loaded-plugins.js";
import { Random } from "@slicestack/stats/internal/applied";
import type { AugmentConfig } from "../config/augment.js";
import { AtomicFileWriter } from "../data/atomic.js";
import { spreadOver } from "../data/sampler.js";
import type { VolumeRecord } from "../data/volume-record.js";
import { readSafetensors, writeSafetensors } from "../weights/safetensors.js";
import { codeOf, readHeader, WeightsFile, type StoredTensor } from "@slicestack/torch/safetensors";
import { notice } from "../engine/notices.js";
import { keepCacheSize, touchEntry } from "../run/cache-entries.js";
import { cacheSubfolder, tryToKeep } from "../run/cache-folder.js";
import { augmentedStack } from "./augmented-stack.js";
import { embedInput, embedSlices, mapsOfSlices, type PredictOptions, type StackedVolume } from "./forward.js";
import type { SliceStore } from "../input/slices.js";
import type { SliceModel } from "../models/trunks/slice-model.js";

export interface Features {
  /** N x E float32, or N x F x h x w as the trunk computes them. */
  features_N: Tensor;
  volumes: StackedVolume[];
  /** Whether they came from the cache. */
  cached: boolean;
}

export interface FeatureSource {
  model: SliceModel;
  /** SHA-256 of the weights. */
  weightsHash: string;
  store: SliceStore;
  /** The hash of the data set; null for voxels without a hash, whose features are not cached. */
  datasetHash: string | null;
  /** The number of evenly spaced slices of a volume; null or absent: all. */
  slices?: number | null;
}

/** What features need of a volume: its slices, and its id, which determines the random draws of its views. */
export type Volume = Pick<VolumeRecord, "id" | "first" | "count">;

/** One augmented version of each volume, whose slices share the random draw. */
export interface View {
  augment: AugmentConfig;
  seed: number;
  number: number;
}

/** Embeddings of the slices of these volumes. @returns tensors owned by the enclosing scope */
export function volumeEmbeddings(
  source: FeatureSource,
  volumes: readonly Volume[],
  options: PredictOptions & { view?: View },
): Features {
  const { model, store } = source;
  const { view } = options;
  const { chosen, placed } = slicesOf(source, volumes);
  const file = cacheFile(source, chosen, options, view === undefined ? "embeddings" : { view });
  const shape = [chosen.flat().length, model.embedding];
  const kept = file === null ? undefined : sharedWithAll(readCachedFirst(file, shape));
  if (kept !== undefined)
    return { features_N: kept.to({ device: store.transform.device }), volumes: placed, cached: true };
  const embed = (some: readonly number[][], first: number) =>
    view === undefined
      ? embedSlices(model, store, some.flat(), options)
      : embedViews(source, some, volumes.slice(first), view, options);
  const features_N = worldSize() === 1 ? embed(chosen, 0) : embedTogether(source, chosen, embed);
  if (file !== null && rank() === 0) tryToKeep(() => writeEmbeddings(file, features_N));
  return { features_N, volumes: placed, cached: false };
}

/** The last feature maps of the slices of these volumes, in a file that is mapped into memory; on the CPU. */
export function volumeMaps(
  source: FeatureSource,
  volumes: readonly Volume[],
  options: PredictOptions,
): Features {
  const { chosen, placed } = slicesOf(source, volumes);
  const file = cacheFile(source, chosen, options, "maps");
  const computed = () => mapsInMemory(source, chosen.flat(), options);
  if (file === null) return { features_N: computed(), volumes: placed, cached: false };
  if (worldSize() > 1) return { ...mapsTogether(file, source, chosen.flat(), options), volumes: placed };
  const cached = mapped(file);
  if (cached !== undefined) return { features_N: cached, volumes: placed, cached: true };
  const isKept = writeMaps(file, source, chosen.flat(), options);
  const features_N = (isKept ? mapped(file) : undefined) ?? computed();
  return { features_N, volumes: placed, cached: false };
}

/** Processes on other machines may have other caches: the cache of the first one decides for all, so that none computes alone. */
function readCachedFirst(file: string, shape: number[]): { kept: Tensor | undefined; shape: number[] } {
  const found = rank() === 0 ? readCached(file) : undefined;
  const fits = found?.shape.join() === shape.join();
  return { kept: fits ? found : undefined, shape };
}

/** Gives all processes the value of the first one; undefined if that has none. */
function sharedWithAll({ kept, shape }: { kept: Tensor | undefined; shape: number[] }): Tensor | undefined {
  if (worldSize() === 1) return kept;
  if (!valueOfFirst(kept !== undefined)) return undefined;
  return broadcast(kept ?? zeros(shape));
}

/** The value of the first process. */
const valueOfFirst = (here: boolean): boolean =>
  worldSize() === 1 ? here : scope(() => broadcast(tensor([Number(here)], { dtype: "int32" })).item() === 1);

/**
 * For several processes: all compute a share, and the first one writes the file. Processes that do not see this file, because
 * they run on another machine or use another cache, receive a copy; one process writes it for all that share a cache. If the
 * file does not fit on its disk, a process computes the maps for itself and keeps nothing.
 */
function mapsTogether(
  file: string,
  source: FeatureSource,
  slices: number[],
  options: PredictOptions,
): Omit<Features, "volumes"> {
  const first = rank() === 0 ? mapped(file) : undefined;
  const isCached = valueOfFirst(first !== undefined);
  first?.dispose();
  let isFull = false;
  if (!isCached && valueOfFirst(rank() === 0 && canKeep(file)))
    isFull = !writeMaps(file, source, slices, options);
  // At most one copy for each process.
  for (let round = 0; round <= worldSize(); round++) {
    const own = mapped(file);
    const state = own !== undefined ? HAS : !isFull && canKeep(file) ? NEEDS : CANNOT;
    const states = scope(() => allGather(tensor([state], { dtype: "int32" })).map((one) => one.item()));
    const next = states[0] === HAS ? states.indexOf(NEEDS) : -1;
    if (next < 0) return { features_N: own ?? mapsInMemory(source, slices, options), cached: isCached };
    own?.dispose();
    isFull = !copyMaps(file, next) || isFull;
  }
  throw new DistributedError(`${file}: cannot be read after it was written`, "volumeMaps");
}

/** The state of the file in a process. */
const [HAS, NEEDS, CANNOT] = [0, 1, 2];

/** Whether the cache can be written; if not, a notice is given. */
const canKeep = (file: string): boolean =>
  tryToKeep(() => {
    makeFolder(dirname(file));
    new AtomicFileWriter(file).abort();
  });

/** Sends the bytes of rank 0's file to the rank without it, which writes them. @returns false in that rank if they do not fit on its disk */
function copyMaps(file: string, to: number): boolean {
  return scope(() => {
    const size = broadcast(tensor([rank() === 0 ? statSync(file).size : 0], { dtype: "int64" })).item();
    const bytes = rank() === 0 ? mapFile(file, size) : undefined;
    const writer = rank() === to ? new SharedWriter(file) : null;
    try {
      for (let at = 0; at < size; at += copyBytes) {
        scope(() => {
          const count = Math.min(copyBytes, size - at);
          const piece =
            bytes === undefined ? zeros([count], { dtype: "uint8" }) : bytes.narrow(0, at, count).clone();
          broadcast(piece);
          writer?.write(piece.toTypedArray() as Uint8Array);
        });
      }
      return writer?.commit() ?? true;
    } catch (error) {
      writer?.abort();
      throw error;
    }
  });
}

/** Writes into the cache while other processes wait: if the disk is full, it gives up the file but keeps serving them. */
class SharedWriter {
  #writer: AtomicFileWriter | null = null;

  constructor(private readonly file: string) {
    tryToKeep(() => {
      makeFolder(dirname(file));
      this.#writer = new AtomicFileWriter(file);
    });
  }

  get hasGivenUp(): boolean {
    return this.#writer === null;
  }

  write(bytes: Uint8Array): void {
    const writer = this.#writer;
    if (writer !== null && !tryToKeep(() => writer.write(bytes))) this.abort();
  }

  /** @returns whether the file exists */
  commit(): boolean {
    const writer = this.#writer;
    if (writer === null || !tryToKeep(() => writer.commit())) return this.abort();
    keepCacheSize(this.file);
    return true;
  }

  abort(): false {
    this.#writer?.abort();
    this.#writer = null;
    return false;
  }
}

function slicesOf({ store, slices = null }: FeatureSource, volumes: readonly Volume[]) {
  const chosen = volumes.map((volume) => [...spreadOver(store.slicesOf(volume), slices)]);
  let offset = 0;
  const placed = chosen.map(({ length: count }) => ({ offset: (offset += count) - count, count }));
  return { chosen, placed };
}

/** @returns null for voxels without a hash */
function cacheFile(
  source: FeatureSource,
  chosen: number[][],
  options: PredictOptions,
  kind: unknown,
): string | null {
  const { store, weightsHash, datasetHash } = source;
  if (datasetHash === null) return null;
  const { device, ...transform } = store.transform;
  const { bfloat16 } = options;
  const { version, cpuCapability } = libtorchInfo(); // the last bits depend on these and on the number of threads
  const engine = [version, cpuCapability, getNumThreads(), bfloat16, device.split(":")[0]];
  // The same weights in the trunk of another plug-in, or views by another augmentation, give other features.
  const plugins = loadedPlugins().map(({ sha256 }) => sha256);
  const code = plugins.length === 0 ? [] : [plugins];
  const facts = ["features 5", kind, weightsHash, transform, datasetHash, engine, chosen.flat(), ...code];
  const key = createHash("sha256").update(JSON.stringify(facts)).digest("hex");
  return join(cacheSubfolder("embeddings"), `${key}.safetensors`);
}

function embedViews(
  { model, store }: FeatureSource,
  chosen: readonly number[][],
  volumes: readonly Volume[],
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
          const unit_SCHW = augmentedStack(store, slices, augment, random.fork(volumes[k]!.id));
          const embedding_SE = embedInput(model, store, unit_SCHW, options);
          options.onBatch?.((done += slices.length));
          return embedding_SE;
        }),
      ),
    ),
  );
}

/** Each process embeds its share of the volumes, and all receive the result. */
function embedTogether(
  { model: { embedding }, store }: FeatureSource,
  chosen: number[][],
  embed: (some: readonly number[][], first: number) => Tensor,
): Tensor {
  return scope(() => {
    const edge = (place: number) => Math.floor((place * chosen.length) / worldSize());
    const [from, to] = [edge(rank()), edge(rank() + 1)];
    const count = (some: number[][]) => some.reduce((sum, { length }) => sum + length, 0);
    const [before, own, all] = [count(chosen.slice(0, from)), count(chosen.slice(from, to)), count(chosen)];
    if (own === 0) return allReduce(zeros([all, embedding], { device: store.transform.device }));
    const part_NE = embed(chosen.slice(from, to), from);
    return allReduce(part_NE.pad([0, 0, before, all - before - own]).contiguous());
  });
}

function writeEmbeddings(file: string, embedding_NE: Tensor): void {
  makeFolder(dirname(file));
  scope(() => {
    const hash = fromTypedArray(new Uint8Array(tensorHash(embedding_NE)), [32]);
    writeSafetensors(
      file,
      new Map([
        ["embedding", embedding_NE],
        ["sha256", hash],
      ]),
    );
  });
  keepCacheSize(file);
}

/** Reads a cached file. A damaged one is computed again, with a notice. */
function readCached(file: string): Tensor | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const { tensors } = readSafetensors(file);
    const [embedding_NE, hash] = [tensors.get("embedding"), tensors.get("sha256")];
    if (
      embedding_NE !== undefined &&
      hash !== undefined &&
      tensorHash(embedding_NE).equals(hash.toTypedArray() as Uint8Array)
    ) {
      touchEntry(file);
      return embedding_NE;
    }
  } catch {
    // Truncated, or no longer a file of tensors.
  }
  return damaged(file);
}

function damaged(file: string): undefined {
  notice(`${file} is damaged; its content is computed again.`);
}

/** The hash of shape and values. */
function tensorHash(tensor: Tensor): Buffer {
  const values = tensor.toTypedArray();
  const hash = createHash("sha256").update(`${tensor.shape.join(" ")}\n`);
  // One call accepts at most 2 GiB.
  for (let at = 0; at < values.byteLength; at += 2 ** 30)
    hash.update(
      new Uint8Array(values.buffer, values.byteOffset + at, Math.min(2 ** 30, values.byteLength - at)),
    );
  return hash.digest();
}

const mapsBatch = 64;
/** The number of bytes that are sent to another process at a time. */
const copyBytes = 2 ** 26;

/** Computes the maps in memory, if the cache cannot be written. */
function mapsInMemory({ model, store }: FeatureSource, slices: number[], options: PredictOptions): Tensor {
  return scope(() => {
    const parts: Tensor[] = [];
    for (let start = 0; start < slices.length; start += mapsBatch) {
      parts.push(scope(() => mapsOfSlices(model, store, slices.slice(start, start + mapsBatch), options)));
      options.onBatch?.(Math.min(start + mapsBatch, slices.length));
    }
    return cat(parts);
  });
}

/** Writes the maps, followed by their hash. @returns false if the file does not fit on the disk of this process */
function writeMaps(
  file: string,
  { model, store }: FeatureSource,
  slices: number[],
  options: PredictOptions,
): boolean {
  const first_NFhw = scope(() => mapsOfSlices(model, store, slices.slice(0, mapsBatch), options));
  const [, ...shape] = first_NFhw.shape;
  const { dtype } = first_NFhw;
  const bytes = slices.length * shape.reduce((a, b) => a * b, 1) * (dtype === "bfloat16" ? 2 : 4);
  const entry = { dtype: codeOf[dtype], shape: [slices.length, ...shape], data_offsets: [0, bytes] };
  const sum = { dtype: "U8", shape: [32], data_offsets: [bytes, bytes + 32] };
  const text = JSON.stringify({ __metadata__: {}, maps: entry, sha256: sum });
  const header = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const hash = createHash("sha256").update(`${dtype} ${[slices.length, ...shape].join(" ")}\n`);
  const ranks = worldSize();
  const writer = rank() === 0 ? new SharedWriter(file) : null;
  try {
    writer?.write(Buffer.concat([length, header]));
    for (let start = 0; start < slices.length; start += mapsBatch * ranks) {
      if (!valueOfFirst(writer?.hasGivenUp === false)) return rank() > 0;
      scope(() => {
        const at = (place: number) => start + mapsBatch * place;
        const partOf = (place: number) => slices.slice(at(place), at(place + 1));
        const mine = partOf(rank());
        const mine_NFhw =
          at(rank()) === 0
            ? first_NFhw
            : mine.length === 0
              ? undefined
              : mapsOfSlices(model, store, mine, options);
        for (let place = 0; place < ranks; place++) {
          const count = partOf(place).length;
          if (count === 0) break;
          const here_NFhw = place === rank() ? mine_NFhw! : zeros([count, ...shape], { dtype });
          const maps_NFhw = ranks === 1 ? here_NFhw : broadcast(here_NFhw, place);
          const bits = maps_NFhw.viewDtype(dtype === "bfloat16" ? "int16" : "int32").toTypedArray();
          const values = new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
          hash.update(values);
          writer?.write(values);
          options.onBatch?.(at(place) + count);
        }
      });
    }
    writer?.write(hash.digest());
    return writer?.commit() ?? true;
  } catch (error) {
    writer?.abort();
    throw error;
  } finally {
    first_NFhw.dispose();
  }
}

function mapped(path: string): Tensor | undefined {
  if (!existsSync(path)) return undefined;
  try {
    using file = new WeightsFile(path);
    const { stored: all } = readHeader(file);
    const [stored, sum] = [all.get("maps")!, all.get("sha256")!];
    const { dtype, place, bytes } = stored.storage;
    if (!mapsHash(file, stored).equals(file.read(sum.storage.place!.at, 32))) return damaged(path);
    touchEntry(path);
    return scope(() =>
      mapFile(path, file.size)
        .narrow(0, place!.at, bytes)
        .viewDtype(dtype)
        .view(...stored.shape),
    );
  } catch {
    return damaged(path);
  }
}

function mapsHash(file: WeightsFile, { shape, storage: { dtype, place, bytes } }: StoredTensor): Buffer {
  const hash = createHash("sha256").update(`${dtype} ${shape.join(" ")}\n`);
  const piece = 2 ** 24;
  for (let done = 0; done < bytes; done += piece)
    hash.update(file.read(place!.at + done, Math.min(piece, bytes - done)));
  return hash.digest();
}
