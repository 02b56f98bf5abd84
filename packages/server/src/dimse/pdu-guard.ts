/** Follows the lengths of the PDUs on a connection (PS3.8, 9.3), because a reader would collect one of any length in memory. */

const HEADER_BYTES = 6;

export class PduGuard {
  #header = Buffer.alloc(0);
  /** Bytes of the present PDU that are still to come. */
  #left = 0;

  constructor(private readonly most: number) {}

  /** @returns false once a PDU says that it is longer than allowed */
  accepts(piece: Buffer): boolean {
    let at = 0;
    while (at < piece.length) {
      const skipped = Math.min(this.#left, piece.length - at);
      this.#left -= skipped;
      at += skipped;
      if (this.#left > 0 || at === piece.length) break;
      const wanted = piece.subarray(at, at + HEADER_BYTES - this.#header.length);
      this.#header = Buffer.concat([this.#header, wanted]);
      at += wanted.length;
      if (this.#header.length < HEADER_BYTES) break;
      this.#left = this.#header.readUInt32BE(2);
      this.#header = Buffer.alloc(0);
      if (this.#left > this.most) return false;
    }
    return true;
  }
}
