/** SHA-256 of files and arrays of any size: Node.js hashes, reads and writes at most 2 GiB in one call. */
import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { pipeline } from "node:stream/promises";

const PIECE_BYTES = 2 ** 24;

/** SHA-256 of a file in hex. @throws Error of the file system */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  return hash.digest("hex");
}

/**
 * Like `fileHash`, but synchronous, as a training step needs it. @param bytes from the start that are hashed; default: all
 * @throws Error of the file system
 */
export function fileHashSync(path: string, bytes = Infinity): string {
  const hash = createHash("sha256");
  const descriptor = openSync(path, "r");
  try {
    const piece = new Uint8Array(Math.max(1, Math.min(bytes, PIECE_BYTES)));
    for (let done = 0; done < bytes;) {
      const read = readSync(descriptor, piece, 0, Math.min(piece.length, bytes - done), null);
      if (read === 0) break;
      hash.update(piece.subarray(0, read));
      done += read;
    }
  } finally {
    closeSync(descriptor);
  }
  return hash.digest("hex");
}

/** SHA-256 of the bytes of an array, in hex. */
export function arrayHash({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  const hash = createHash("sha256");
  for (let done = 0; done < byteLength; done += PIECE_BYTES)
    hash.update(new Uint8Array(buffer, byteOffset + done, Math.min(PIECE_BYTES, byteLength - done)));
  return hash.digest("hex");
}
