/** SHA-256 of files and arrays of any size: Node.js hashes, reads and writes at most 2 GiB in one call. */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";

const PIECE_BYTES = 2 ** 24;
const STREAMED_BYTES = 2 ** 20;

/**
 * SHA-256 of a file in hex. All pieces are read into one buffer: a stream allocates one for each, and collecting those takes
 * several times as long as hashing them.
 * @throws Error of the file system
 */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path);
  try {
    const piece = new Uint8Array(STREAMED_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length, null);
      if (bytesRead === 0) break;
      hash.update(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}

/** SHA-256 of the hashes of several files, in order; a file that is named again is hashed once. */
export async function filesHash(
  paths: readonly string[],
  hashOf: (path: string) => Promise<string> = fileHash,
): Promise<string> {
  const known = new Map<string, string>();
  const all = createHash("sha256");
  for (const path of paths) {
    const hash = known.get(path) ?? (await hashOf(path));
    known.set(path, hash);
    all.update(hash);
  }
  return all.digest("hex");
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
