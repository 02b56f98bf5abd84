/** True on every common machine; typed arrays use the host's order, files name theirs. */
export const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Reverses the bytes of each item in place. @param itemBytes 1, 2, 4 or 8 */
export function swapBytes(bytes: Uint8Array, itemBytes: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (itemBytes === 2) {
    for (let at = 0; at < bytes.length; at += 2) view.setUint16(at, view.getUint16(at, true), false);
  } else if (itemBytes === 4) {
    for (let at = 0; at < bytes.length; at += 4) view.setUint32(at, view.getUint32(at, true), false);
  } else if (itemBytes === 8) {
    for (let at = 0; at < bytes.length; at += 8) {
      const low = view.getUint32(at, true);
      view.setUint32(at, view.getUint32(at + 4, true), false);
      view.setUint32(at + 4, low, false);
    }
  }
}
