import type { VolumeFormat } from "../errors.js";
import { COPY_AGAIN, refuser } from "../refuse.js";

export type Compression = "none" | "gzip" | "zlib";

/** Deflate cannot compress by a larger factor; a header that implies more is damaged. */
export const MAX_DEFLATE_RATIO = 1032;

/** Size of the input chunks, so that one chunk expands to less than 17 MiB. */
const PIECE_BYTES = 2 ** 14;

/** Detects the compression by the first bytes, where a format allows either. */
export function compressionOf(start: Uint8Array): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return "gzip";
  const [method = 0, flags = 0] = start;
  return (method & 15) === 8 && ((method << 8) | flags) % 31 === 0 ? "zlib" : "none";
}

/**
 * Yields the bytes in chunks, inflated where they are compressed, using the DecompressionStream that browsers and Node
 * share; the readers for Node use zlib. Browsers refuse a gzip file of several members.
 * @throws VolumeFormatError damaged or truncated
 */
export async function* inflated(
  bytes: Uint8Array,
  compression: Compression,
  file: string,
  format: VolumeFormat,
): AsyncGenerator<Uint8Array, void> {
  if (compression === "none") {
    yield bytes;
    return;
  }
  try {
    yield* decompressed([bytes], compression === "zlib" ? "deflate" : "gzip");
  } catch (cause) {
    refuser(file, format)(`the ${compression} stream is damaged or ends early`, COPY_AGAIN, { cause });
  }
}

/**
 * Turns chunks of a compressed stream into chunks of its content. @throws the platform's error
 * @param size declared size of the content in bytes, which may be wrong
 */
export type Decompress = (pieces: AsyncIterable<Uint8Array>, size: number) => AsyncIterable<Uint8Array>;

/** Inflates raw deflate data, as in zip archives, with DecompressionStream. */
export const inflateRaw: Decompress = (pieces) => decompressed(pieces, "deflate-raw");

async function* decompressed(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  format: "gzip" | "deflate" | "deflate-raw",
): AsyncGenerator<Uint8Array, void> {
  const stream = new DecompressionStream(format);
  const feeding = feed(pieces, stream.writable);
  try {
    for await (const chunk of stream.readable) yield chunk as Uint8Array;
  } finally {
    await feeding;
  }
}

/** Never rejects: every error, including those of the chunks, reaches the reader of the stream. */
async function feed(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  writable: WritableStream<Uint8Array>,
): Promise<void> {
  const writer = writable.getWriter();
  let open = true;
  writer.closed.catch(() => (open = false));
  try {
    for await (const piece of pieces) {
      for (let at = 0; at < piece.length && open; at += PIECE_BYTES) {
        await writer.ready.catch(() => (open = false));
        if (open) await writer.write(piece.subarray(at, at + PIECE_BYTES)).catch(() => (open = false));
      }
      if (!open) return;
    }
    await writer.close().catch(() => undefined);
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
  }
}
