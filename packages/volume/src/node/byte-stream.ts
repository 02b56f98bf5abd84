import type { FileHandle } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { openFile, readAt } from "./file-source.js";
import { INFLATE_STREAM, inflatedStart, inflatedWhole, refuseStream } from "./zlib.js";
import { allocate, checkLength, gather, refuseImpossible, type Announced } from "../bytes/gather.js";
import { compressionOf, type Compression } from "../bytes/inflate.js";
import type { VolumeFormat } from "../errors.js";
import { COPY_AGAIN, refuser } from "../refuse.js";

const CHUNK_BYTES = 2 ** 20;
/**
 * How much is read first to find a header in compressed bytes; up to the second number where gzip stores a long name.
 */
const START_BYTES = 2 ** 12;
const MAX_START_BYTES = 2 ** 16;
const WHOLE_STORED_BYTES = 2 ** 28;
/** Most bytes that one call of zlib returns. */
const WHOLE_BYTES = 2 ** 31 - 2 ** 20;

export interface ByteStreamOptions {
  /** Byte of the file where the stream begins; default 0. */
  from?: number;
  /** True: gzip or zlib, by the first two bytes; false: neither. Default: gzip where the first two bytes say so. */
  compressed?: boolean;
  /** Compressed files up to this size are inflated in one call, larger ones in chunks; default 256 MiB. */
  wholeStoredBytes?: number;
}

/**
 * The uncompressed bytes of a file, or of its end: the start can be examined first, then everything can be read once.
 */
export class ByteStream implements AsyncDisposable {
  readonly path: string;
  readonly format: VolumeFormat;
  readonly compression: Compression;
  /** Number of bytes on disk from the start of the stream to the end of the file. */
  readonly storedBytes: number;
  readonly #handle: FileHandle;
  readonly #from: number;
  readonly #wholeStoredBytes: number;
  #stream: Readable | undefined;

  private constructor(
    path: string,
    format: VolumeFormat,
    compression: Compression,
    handle: FileHandle,
    from: number,
    size: number,
    wholeStoredBytes: number,
  ) {
    this.path = path;
    this.format = format;
    this.compression = compression;
    this.storedBytes = size - from;
    this.#handle = handle;
    this.#from = from;
    this.#wholeStoredBytes = wholeStoredBytes;
  }

  /** @throws VolumeFileError missing, a folder, no permission */
  static async open(
    path: string,
    format: VolumeFormat,
    options: ByteStreamOptions = {},
  ): Promise<ByteStream> {
    const { handle, size } = await openFile(path);
    try {
      const from = Math.min(options.from ?? 0, size);
      const compression = await compressionAt(handle, path, from, options.compressed);
      if (compression === "none" && options.compressed === true)
        refuser(path, format)("expected gzip or zlib data, found neither", COPY_AGAIN);
      const whole = options.wholeStoredBytes ?? WHOLE_STORED_BYTES;
      return new ByteStream(path, format, compression, handle, from, size, whole);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The first bytes; fewer where the stream is shorter. @throws VolumeFormatError damaged compression */
  async peek(length: number): Promise<Uint8Array> {
    const { compression } = this;
    if (compression === "none") return await this.#stored(length);
    for (let asked = START_BYTES; ; asked *= 4) {
      const start = inflatedStart(await this.#stored(asked), compression, this.path, this.format);
      if (start.length >= length || asked >= this.storedBytes || asked >= MAX_START_BYTES)
        return start.subarray(0, length);
    }
  }

  /**
   * Reads the voxels that a header declares, `skip` bytes after the start; nothing is allocated before it is clear that
   * a file of this size can hold them. @throws VolumeFormatError
   */
  async voxels(announced: Announced, skip: number): Promise<Uint8Array> {
    const { compression, storedBytes } = this;
    if (compression === "none") {
      checkLength(announced, storedBytes - skip);
      const voxels = new Uint8Array(allocate(announced));
      const held = await readAt(this.#handle, this.path, voxels, this.#from + skip);
      checkLength(announced, held);
      return voxels;
    }
    refuseImpossible(announced, skip, storedBytes);
    if (storedBytes > this.#wholeStoredBytes || skip + announced.bytes > WHOLE_BYTES)
      return await gather(this.pieces(), announced, skip);
    const all = await inflatedWhole(await this.#stored(storedBytes), compression, announced, skip);
    checkLength(announced, all.length - skip);
    return all.subarray(skip, skip + announced.bytes);
  }

  /** Yields all bytes in chunks; can be called once. @throws VolumeFormatError damaged or truncated compression */
  async *pieces(): AsyncGenerator<Uint8Array, void> {
    const { compression } = this;
    const raw = this.#handle.createReadStream({ start: this.#from, highWaterMark: CHUNK_BYTES });
    // An error on either side reaches whoever awaits the pieces.
    this.#stream =
      compression === "none"
        ? raw
        : pipeline(raw, INFLATE_STREAM[compression]({ chunkSize: CHUNK_BYTES }), () => {});
    try {
      for await (const piece of this.#stream) yield piece as Uint8Array;
    } catch (cause) {
      refuseStream(cause, compression, this.path, this.format);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stream = this.#stream;
    if (stream !== undefined && !stream.closed) {
      await new Promise<void>((resolve) => {
        stream.once("close", resolve);
        stream.destroy();
      });
    }
    // Does nothing where the stream has already closed the file.
    await this.#handle.close();
  }

  /** Reads raw bytes from disk; fewer where the file is shorter. */
  async #stored(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.min(length, this.storedBytes));
    return bytes.subarray(0, await readAt(this.#handle, this.path, bytes, this.#from));
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
  // Any two bytes may look like zlib, so zlib is accepted only where a header says so.
  return compression === "zlib" && compressed === undefined ? "none" : compression;
}
