import { AtomicFile } from "./atomic.js";
import { VolumeArgumentError } from "../errors.js";
import { encodeNpyHeader, type NpyDtype } from "../npy/header.js";
import { assertNpy } from "../npy/array.js";
import type { VoxelArray } from "../volume.js";

/**
 * Writes a .npy file in chunks, and counts the first dimension as it grows: `append` takes whole items of
 * the trailing shape. The file appears under its name on `close`; before that, and after `abort`, there is no file.
 *
 *     await using writer = await NpyWriter.open("slices.npy", "int16", [128, 128]);
 *     for (const slices of volumes) await writer.append(slices);
 *     await writer.close();
 */
export class NpyWriter {
  readonly dtype: NpyDtype;
  readonly trailing: readonly number[];
  readonly #file: AtomicFile;
  readonly #headerBytes: number;
  readonly #item: number;
  #count = 0;
  #open = true;

  private constructor(file: AtomicFile, dtype: NpyDtype, trailing: readonly number[], headerBytes: number) {
    this.#file = file;
    this.dtype = dtype;
    this.trailing = trailing;
    this.#headerBytes = headerBytes;
    this.#item = trailing.reduce((a, b) => a * b, 1);
  }

  /** @param trailing shape of one item, such as [H, W]  @throws VolumeFileError, VolumeArgumentError */
  static async open(path: string, dtype: NpyDtype, trailing: readonly number[]): Promise<NpyWriter> {
    if (!trailing.every((n) => Number.isSafeInteger(n) && n > 0)) {
      throw new VolumeArgumentError("trailing", "whole numbers > 0", `[${trailing.join(", ")}]`);
    }
    // Reserves room for the longest possible count.
    const header = encodeNpyHeader(dtype, [Number.MAX_SAFE_INTEGER, ...trailing]);
    const writer = new NpyWriter(await AtomicFile.create(path), dtype, [...trailing], header.length);
    try {
      await writer.#file.write(header);
    } catch (error) {
      await writer.abort();
      throw error;
    }
    return writer;
  }

  /** Number of items appended so far. */
  get count(): number {
    return this.#count;
  }

  /**
   * Appends items; await it before the next call. @param chunk one or more complete items, last axis fastest @returns
   * index of the first of them
   */
  async append(chunk: VoxelArray): Promise<number> {
    this.#refuseClosed();
    const items = chunk.length / this.#item;
    if (!Number.isInteger(items)) {
      throw new VolumeArgumentError("chunk", `a multiple of ${this.#item} values`, `${chunk.length}`);
    }
    assertNpy(chunk, this.dtype, [items, ...this.trailing]);
    const first = this.#count;
    this.#count += items;
    try {
      await this.#file.write(chunk);
    } catch (error) {
      await this.abort();
      throw error;
    }
    return first;
  }

  /** Completes the header and gives the file its name. @returns the shape */
  async close(): Promise<number[]> {
    this.#refuseClosed();
    this.#open = false;
    const shape = [this.#count, ...this.trailing];
    try {
      await this.#file.write(encodeNpyHeader(this.dtype, shape, this.#headerBytes), 0);
    } catch (error) {
      await this.#file.abort();
      throw error;
    }
    await this.#file.commit();
    return shape;
  }

  /** Removes what was written; does nothing after close. */
  async abort(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#file.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort();
  }

  #refuseClosed(): void {
    if (!this.#open) throw new VolumeArgumentError("writer", "an open NpyWriter", "a closed one");
  }
}
