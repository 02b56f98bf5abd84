import { damaged } from "./damage.js";

/**
 * The first bytes of a raw deflate stream (RFC 1951), no more than requested: the rest is never inflated.
 * @param limit bytes requested  @returns fewer than `limit` only where the stream ends before
 * @throws VolumeFormatError the stream is damaged before that
 */
export async function inflateStart(deflated: Uint8Array, limit: number, file: string): Promise<Uint8Array> {
  const stream = new DecompressionStream("deflate-raw");
  const writing = feed(stream.writable as WritableStream<Uint8Array>, deflated);
  const reader = (stream.readable as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    while (length < limit) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      length += value.length;
    }
  } catch (cause) {
    // A byte of padding after the end is allowed, and is an error for some decoders.
    if (length === 0 || deflated.at(-1) !== 0)
      throw damaged(file, "its deflated data set cannot be unpacked", { cause });
  }
  // The remainder is discarded; an error of the writer, if any, has already reached the reader.
  await reader.cancel().catch(() => undefined);
  await writing;
  return joined(chunks, Math.min(length, limit));
}

async function feed(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  const last = bytes.length - 1;
  try {
    // The last byte is written separately, so that the output of the others is complete if it is padding.
    await writer.write(bytes.subarray(0, last));
    await writer.write(bytes.subarray(last));
    await writer.close();
  } catch {
    // The reading side has the same error.
  }
}

/** The first `length` bytes of the chunks, in one array. */
function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    const part = chunk.subarray(0, length - at);
    all.set(part, at);
    at += part.length;
  }
  return all;
}
