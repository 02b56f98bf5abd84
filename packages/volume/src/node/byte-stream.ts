import type { FileHandle } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { createGunzip, createInflate } from "node:zlib";
import { reason } from "./atomic.js";
import { openFile, readAt } from "./file-source.js";
import { checkLength, gather, refuseImpossible, type Announced } from "../bytes/gather.js";
import { compressionOf, type Compression } from "../bytes/inflate.js";
import { VolumeFileError, type VolumeFormat } from "../errors.js";
import { COPY_AGAIN, refuser } from "../refuse.js";

const CHUNK_BYTES = 2 ** 20;

export interface ByteStreamOptions {
  /** Byte of the file where the stream begins; default 0. */
  from?: number;
  /** True: gzip or zlib, by the first two bytes; false: neither. Default: gzip where the first two bytes say so. */
  compressed?: boolean;
}

/** The uncompressed bytes of a file, or of its end, as a stream that is read once. */
export class ByteStream implements AsyncDisposable {
  readonly path: string;
  readonly format: VolumeFormat;
  readonly compression: Compression;
  /** From where the stream begins to the end of the file, as they lie on disk. */
  readonly storedBytes: number;
  readonly #stream: Readable;
  readonly #pieces: AsyncIterator<Uint8Array, undefined>;
  #start: Uint8Array = new Uint8Array(0);

  private constructor(
    path: string,
    format: VolumeFormat,
    compression: Compression,
    storedBytes: number,
    raw: Readable,
  ) {
    this.path = path;
    this.format = format;
    this.compression = compression;
    this.storedBytes = storedBytes;
    const inflate = { none: undefined, gzip: createGunzip, zlib: createInflate }[compression];
    // An error on either side reaches whoever awaits the pieces.
    this.#stream = inflate === undefined ? raw : pipeline(raw, inflate({ chunkSize: CHUNK_BYTES }), () => {});
    this.#pieces = this.#stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
  }

  /** @throws VolumeFileError missing, a folder, no permission */
  static async open(path: string, format: VolumeFormat, options: ByteStreamOptions = {}): Promise<ByteStream> {
    const { handle, size } = await openFile(path);
    try {
      const from = Math.min(options.from ?? 0, size);
      const compression = await compressionAt(handle, path, from, options.compressed);
      if (compression === "none" && options.compressed === true)
        refuser(path, format)("expected gzip or zlib data, found neither", COPY_AGAIN);
      const raw = handle.createReadStream({ start: from, highWaterMark: CHUNK_BYTES });
      return new ByteStream(path, format, compression, size - from, raw);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The first bytes, fewer where the file is shorter; they come again in what is read later. @throws VolumeFormatError */
  async peek(length: number): Promise<Uint8Array> {
    while (this.#start.length < length) {
      const piece = await this.#next();
      if (piece === null) break;
      this.#start = this.#start.length === 0 ? piece : joined(this.#start, piece);
    }
    return this.#start.subarray(0, length);
  }

  /** All bytes from the first on; once. @throws VolumeFormatError damaged or truncated compression */
  async *pieces(): AsyncGenerator<Uint8Array, void> {
    for (let piece: Uint8Array | null = this.#start; piece !== null; piece = await this.#next()) yield piece;
  }

  /** The voxels that a header announces, `skip` bytes after the start; once. @throws VolumeFormatError */
  async voxels(announced: Announced, skip: number): Promise<ArrayBuffer> {
    if (this.compression === "none") checkLength(announced, this.storedBytes - skip);
    else refuseImpossible(announced, skip, this.storedBytes);
    return await gather(this.pieces(), announced, skip);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stream.closed) return;
    await new Promise<void>((resolve) => {
      this.#stream.once("close", resolve);
      this.#stream.destroy();
    });
  }

  async #next(): Promise<Uint8Array | null> {
    try {
      const result = await this.#pieces.next();
      return result.done === true ? null : result.value;
    } catch (cause) {
      const code = reason(cause);
      if (!code.startsWith("Z_"))
        throw new VolumeFileError(this.path, `cannot be read (${code})`, "Check the disk.", { cause });
      const name = this.compression;
      const problem =
        code === "Z_BUF_ERROR" ? `the ${name} stream ends early` : `the ${name} stream is damaged (${code})`;
      return refuser(this.path, this.format)(problem, COPY_AGAIN, { cause });
    }
  }
}

async function compressionAt(
  handle: FileHandle,
  path: string,
  position: number,
  compressed: boolean | undefined,
): Promise<Compression> {
  if (compressed === false) return "none";
  const mark = new Uint8Array(2);
  const held = await readAt(handle, path, mark, position);
  const compression = compressionOf(mark.subarray(0, held));
  // Two bytes of any data may look like zlib: it counts only where a header says so.
  return compression === "zlib" && compressed === undefined ? "none" : compression;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
