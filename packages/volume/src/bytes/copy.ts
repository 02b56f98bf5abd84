/** Copies a part of the bytes into a separate buffer; unlike slice, this also copies from a Node Buffer. */
export function copied(bytes: Uint8Array, from: number, to: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.subarray(from, to));
}
