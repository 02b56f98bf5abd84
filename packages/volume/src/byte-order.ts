/** True on every common machine; typed arrays use the host's byte order, files state theirs. */
export const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Reverses the bytes of each item in place. @param itemBytes 1, 2, 4 or 8 */
export function swapBytes(bytes: Uint8Array, itemBytes: number): void {
  const { buffer, byteOffset, length } = bytes;
  if (itemBytes === 2 && byteOffset % 2 === 0) {
    const items = new Uint16Array(buffer, byteOffset, length >> 1);
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as number;
      items[i] = (item << 8) | (item >> 8);
    }
    return;
  }
  for (let start = 0; start + itemBytes <= length; start += itemBytes) {
    for (let low = start, high = start + itemBytes - 1; low < high; low++, high--) {
      const byte = bytes[low] as number;
      bytes[low] = bytes[high] as number;
      bytes[high] = byte;
    }
  }
}
