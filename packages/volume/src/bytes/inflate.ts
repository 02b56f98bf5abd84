import type { VolumeFormat } from "../errors.js";
import { COPY_AGAIN, refuser } from "../refuse.js";

export type Compression = "none" | "gzip" | "zlib";

/** Deflate cannot shrink more than this; a header that announces more is damaged. */
export const MAX_DEFLATE_RATIO = 1032;

const CHUNK_BYTES = 2 ** 16;

/** By the first bytes, where a format allows either. */
export function compressionOf(start: Uint8Array): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return "gzip";
  const [method = 0, flags = 0] = start;
  return (method & 15) === 8 && ((method << 8) | flags) % 31 === 0 ? "zlib" : "none";
}

/**
 * The bytes in pieces, inflated by the DecompressionStream that browsers and Node share; Node's own readers use zlib.
 * A gzip file of several members is refused by browsers.
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
  const stream = new DecompressionStream(compression === "zlib" ? "deflate" : "gzip");
  const feeding = feed(bytes, stream.writable);
  try {
    for await (const chunk of stream.readable) yield chunk as Uint8Array;
  } catch (cause) {
    refuser(file, format)(`the ${compression} stream is damaged or ends early`, COPY_AGAIN, { cause });
  } finally {
    await feeding;
  }
}

/** Its failure is the reader's failure too, and is reported there. */
async function feed(bytes: Uint8Array, writable: WritableStream<Uint8Array>): Promise<void> {
  const writer = writable.getWriter();
  try {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      await writer.ready;
      await writer.write(bytes.subarray(at, at + CHUNK_BYTES));
    }
    await writer.close();
  } catch {
    await writer.abort().catch(() => undefined);
  }
}
