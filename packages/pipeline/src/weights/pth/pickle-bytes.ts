/** Reads the bytes of pickles in a file in order. Announced lengths are checked against the remaining bytes first. */
import type { CheckpointError, WeightsFile } from "@slicestack/torch/safetensors";

const windowBytes = 1 << 16;
/** The longest text or byte string. Names have some tens of characters; values of tensors are not in the pickle. */
const mostAtOnce = 1 << 24;
const mostNameBytes = 1024;
/** All pickles of a file together, without the values of the tensors. */
const mostBytes = 1 << 28;

export class PickleBytes {
  readonly #text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #latin1 = new TextDecoder("latin1");
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;
  readonly #start: number;

  /** @param at the next byte, counted from the start of the file   @param end the first that is not part of the pickles */
  constructor(
    readonly file: WeightsFile,
    public at: number,
    readonly end: number,
  ) {
    this.#start = at;
  }

  /** A view that is valid until the next call. */
  take(count: number): Uint8Array {
    if (count > this.end - this.at)
      throw this.fault(`the pickle announces ${count} bytes, but ${this.end - this.at} are left`);
    if (count > mostAtOnce)
      throw this.fault(`the pickle has a text of ${count} bytes, weights have at most ${mostAtOnce}`);
    if (this.at + count - this.#start > mostBytes)
      throw this.fault(`the pickle is longer than ${mostBytes} bytes`);
    const inside = this.at - this.#windowAt;
    if (inside < 0 || inside + count > this.#window.length) {
      this.#window = this.file.read(this.at, Math.min(Math.max(count, windowBytes), this.end - this.at));
      this.#windowAt = this.at;
    }
    const start = this.at - this.#windowAt;
    this.at += count;
    return this.#window.subarray(start, start + count);
  }

  #view(count: number): DataView {
    const { buffer, byteOffset } = this.take(count);
    return new DataView(buffer, byteOffset, count);
  }

  uint8(): number {
    // Every instruction is read here.
    const byte = this.#window[this.at - this.#windowAt];
    if (byte === undefined) return this.take(1)[0] ?? 0;
    this.at++;
    return byte;
  }
  uint16(): number {
    return this.#view(2).getUint16(0, true);
  }
  uint32(): number {
    return this.#view(4).getUint32(0, true);
  }
  int32(): number {
    return this.#view(4).getInt32(0, true);
  }
  /** A length of 8 bytes; above 2^53 it is beyond any file. */
  uint64(): number {
    return Number(this.#view(8).getBigUint64(0, true));
  }
  /** The only big-endian number of a pickle. */
  float64(): number {
    return this.#view(8).getFloat64(0, false);
  }

  /** Two's complement, little-endian, of any length. */
  long(count: number): number | bigint {
    if (count > mostNameBytes) throw this.fault(`the pickle has a whole number of ${count} bytes`);
    let value = 0n;
    for (const byte of this.take(count).slice().reverse()) value = (value << 8n) | BigInt(byte);
    const signed = BigInt.asIntN(8 * count, value);
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  /** Python 2 wrote names as byte strings: these are read as UTF-8 if possible, otherwise as Latin-1. */
  text(count: number, fallback: "refuse" | "latin1" = "refuse"): string {
    const bytes = this.take(count);
    try {
      return this.#text.decode(bytes);
    } catch (error) {
      if (fallback === "latin1") return this.#latin1.decode(bytes);
      throw this.fault("the pickle has a text that is not UTF-8", undefined, error);
    }
  }

  /** Text up to a line feed, as GLOBAL has it. */
  line(): string {
    const bytes: number[] = [];
    for (let byte = this.uint8(); byte !== 0x0a; byte = this.uint8()) {
      if (bytes.push(byte) > mostNameBytes) throw this.fault("the pickle has a name without an end");
    }
    return this.#latin1.decode(Uint8Array.from(bytes));
  }

  fault(problem: string, remedy?: string, cause?: unknown): CheckpointError {
    return this.file.fault(`${problem} (byte ${this.at})`, remedy, cause);
  }
}
