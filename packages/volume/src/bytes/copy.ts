/** A part of the bytes in a buffer of its own; unlike slice, of a Node Buffer too. */
export function copied(bytes: Uint8Array, from: number, to: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.subarray(from, to));
}
