import { VolumeArgumentError } from "../errors.js";
import { COPY_AGAIN, refuser } from "../refuse.js";
import { checkNpyLength, decodeNpy, type NpyArray } from "./array.js";
import { NPY_PREFIX_BYTES, npyOffset, parseNpyHeader, type NpyFileDtype, type NpyHeader } from "./header.js";
import type { ByteSource } from "../bytes/source.js";

/** Where an array is stored: a source with random access, or a stream that must be read from its start. */
export interface NpyBytes {
  /** For error messages. */
  readonly name: string;
  readonly size: number;
  /** Yields `length` bytes or more, starting at `position`; leaving the loop stops reading. */
  from(position: number, length: number): AsyncIterable<Uint8Array>;
}

const CHUNK_BYTES = 2 ** 20;

export function npyBytesOf(source: ByteSource): NpyBytes {
  return {
    name: source.name,
    size: source.size,
    async *from(position, length) {
      const end = Math.min(position + length, source.size);
      for (let at = position; at < end; at += CHUNK_BYTES)
        yield await source.read(at, Math.min(CHUNK_BYTES, end - at));
    },
  };
}

/**
 * Opens an array without reading its values: the published `ct_k.npy` of shape (N, H, W, D), a prepared `slices.npy`.
 * The source must stay open. @throws VolumeFormatError as parseNpy
 */
export async function openNpy(source: ByteSource): Promise<NpyStack> {
  return await NpyStack.open(npyBytesOf(source));
}

/** An array whose items along the first axis are read on demand; it is never held in memory as a whole. */
export class NpyStack {
  readonly name: string;
  /** The stored data type; parseNpy describes how values are converted. */
  readonly dtype: NpyFileDtype;
  readonly shape: readonly number[];
  readonly #header: NpyHeader;
  readonly #bytes: NpyBytes;

  private constructor(header: NpyHeader, bytes: NpyBytes) {
    this.name = bytes.name;
    this.dtype = header.dtype;
    this.shape = header.shape;
    this.#header = header;
    this.#bytes = bytes;
  }

  /** Reads only the header. @throws VolumeFormatError as parseNpy */
  static async open(bytes: NpyBytes): Promise<NpyStack> {
    const prefix = await startOf(bytes, NPY_PREFIX_BYTES);
    const header = parseNpyHeader(await startOf(bytes, npyOffset(prefix, bytes.name)), bytes.name);
    checkNpyLength(header, bytes.size, bytes.name);
    return new NpyStack(header, bytes);
  }

  /** Reads all values. @throws VolumeFormatError */
  async read(): Promise<NpyArray> {
    const length = this.shape.reduce((product, n) => product * n, this.#header.itemBytes);
    return decodeNpy(this.#header, await this.#contiguous(this.#header.offset, length), this.name);
  }

  /**
   * Items first, first + 1 … of the first axis, `count` of them, as an array of shape (count, …rest).
   * In Fortran order this reads all values of the file once and keeps the requested ones.
   * @throws VolumeArgumentError beyond the axis   @throws VolumeFormatError
   */
  async readRange(first: number, count: number): Promise<NpyArray> {
    const { offset } = this.#header;
    const { items, itemBytes } = this.#items(first, first + count);
    if (items === 0 || count === 0) return decodeNpy(this.#ofItems(count), new ArrayBuffer(0), this.name);
    const values = this.#header.fortranOrder
      ? await this.#scattered(first, count)
      : await this.#contiguous(offset + first * itemBytes, count * itemBytes);
    return decodeNpy(this.#ofItems(count), values, this.name);
  }

  /**
   * Yields the items of the first axis one by one, each of shape (…rest), in one pass over the bytes with one item in
   * memory. In Fortran order all of them are held at once.
   * @throws as readRange
   */
  async *items(first = 0, end = this.shape[0] ?? 0): AsyncGenerator<NpyArray, void> {
    const { itemBytes } = this.#items(first, end);
    if (first === end) return;
    const shape = this.shape.slice(1);
    if (this.#header.fortranOrder || itemBytes === 0) {
      const { data, dtype } = await this.readRange(first, end - first);
      const length = data.length / (end - first);
      for (let k = 0; k < end - first; k++)
        yield { dtype, shape, data: data.slice(k * length, (k + 1) * length), fortranOrder: false };
      return;
    }
    let item = new Uint8Array(itemBytes);
    let held = 0;
    let left = end - first;
    for await (const piece of this.#bytes.from(this.#header.offset + first * itemBytes, left * itemBytes)) {
      for (let at = 0; at < piece.length && left > 0;) {
        const part = piece.subarray(at, at + itemBytes - held);
        item.set(part, held);
        at += part.length;
        held += part.length;
        if (held < itemBytes) continue;
        const { dtype, data } = decodeNpy({ ...this.#header, shape }, item.buffer, this.name);
        yield { dtype, shape, data, fortranOrder: false };
        item = new Uint8Array(itemBytes);
        held = 0;
        left--;
      }
      if (left === 0) return;
    }
    this.#endsEarly();
  }

  #items(first: number, end: number): { items: number; itemBytes: number } {
    const [items, ...rest] = this.shape;
    if (items === undefined) throw new VolumeArgumentError("array", "at least one axis", "shape ()");
    if (!(
      Number.isSafeInteger(first) &&
      Number.isSafeInteger(end) &&
      first >= 0 &&
      first <= end &&
      end <= items
    ))
      throw new VolumeArgumentError("range", `items within 0..${items}`, `${first}..${end}`);
    return { items, itemBytes: rest.reduce((product, n) => product * n, this.#header.itemBytes) };
  }

  #ofItems(count: number): NpyHeader {
    return { ...this.#header, shape: [count, ...this.shape.slice(1)] };
  }

  async #contiguous(position: number, length: number): Promise<ArrayBuffer> {
    const values = new Uint8Array(length);
    let at = 0;
    if (length > 0) {
      for await (const piece of this.#bytes.from(position, length)) {
        const part = piece.subarray(0, length - at);
        values.set(part, at);
        at += part.length;
        if (at === length) break;
      }
    }
    if (at < length) this.#endsEarly();
    return values.buffer;
  }

  /** In Fortran order the first axis is the fastest: each of its columns contributes `count` values. */
  async #scattered(first: number, count: number): Promise<ArrayBuffer> {
    const { itemBytes: width, offset } = this.#header;
    const [items = 0, ...rest] = this.shape;
    const columns = rest.reduce((product, n) => product * n, 1);
    const values = new Uint8Array(columns * count * width);
    const [stride, from, until] = [items * width, first * width, (first + count) * width];
    let at = 0;
    for await (const piece of this.#bytes.from(offset, stride * columns)) {
      const end = at + piece.length;
      for (let column = Math.floor(at / stride); column * stride < end && column < columns; column++) {
        const start = Math.max(column * stride + from, at);
        const stop = Math.min(column * stride + until, end);
        const place = column * count * width + start - column * stride - from;
        if (stop > start) values.set(piece.subarray(start - at, stop - at), place);
      }
      at = end;
    }
    if (at < stride * columns) this.#endsEarly();
    return values.buffer;
  }

  #endsEarly(): never {
    return refuser(this.name, "npy")("its values end early", COPY_AGAIN);
  }
}

/** Reads `length` bytes; fewer where the source is shorter. */
async function startOf(bytes: NpyBytes, length: number): Promise<Uint8Array> {
  const start = new Uint8Array(length);
  let at = 0;
  for await (const piece of bytes.from(0, length)) {
    const part = piece.subarray(0, length - at);
    start.set(part, at);
    at += part.length;
    if (at === length) break;
  }
  return start.subarray(0, at);
}
