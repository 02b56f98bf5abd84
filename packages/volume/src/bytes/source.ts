import { VolumeFileError } from "../errors.js";

/** Bytes with random access: an array, a Blob, or a file (openFileSource of `@slicestack/volume/node`). */
export interface ByteSource {
  /** For error messages. */
  readonly name: string;
  readonly size: number;
  /**
   * Reads exactly these bytes, into a buffer that belongs to the caller or must not be changed. @throws VolumeFileError
   */
  read(position: number, length: number): Promise<Uint8Array>;
}

export function bytesSource(bytes: ArrayBuffer | Uint8Array, name = "bytes"): ByteSource {
  const all = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  return {
    name,
    size: all.length,
    read(position, length) {
      return Promise.resolve(checked(all.subarray(position, position + length), length, name));
    },
  };
}

/** A File chosen in a browser, or any other Blob; only the requested bytes are read. */
export function blobSource(blob: Blob, name = "blob"): ByteSource {
  return {
    name,
    size: blob.size,
    async read(position, length) {
      const part = await blob.slice(position, position + length).arrayBuffer();
      return checked(new Uint8Array(part), length, name);
    },
  };
}

function checked(bytes: Uint8Array, length: number, name: string): Uint8Array {
  if (bytes.length === length) return bytes;
  throw new VolumeFileError(
    name,
    `ends early: expected ${length} bytes, received ${bytes.length}`,
    "Copy the file again.",
  );
}
