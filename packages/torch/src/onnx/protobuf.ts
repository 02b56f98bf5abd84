/**
 * Writes protocol buffers: the few kinds of fields that ONNX has. The bytes of weights are passed on, not copied.
 * Encoding: https://protobuf.dev/programming-guides/encoding/
 */

const VARINT = 0;
const LENGTH = 2;
const FIXED32 = 5;

/** A message under construction; `parts` one after another are its bytes. */
export class Message {
  readonly parts: Uint8Array[] = [];
  /** In bytes. */
  size = 0;

  /** An integer or an enumeration value; negative ones take 10 bytes, as int64 does. */
  integer(field: number, value: number | bigint): this {
    return this.#key(field, VARINT).#append(varint(BigInt.asUintN(64, BigInt(value))));
  }

  /** A repeated integer, each under a key of its own. */
  integers(field: number, values: readonly number[]): this {
    for (const value of values) this.integer(field, value);
    return this;
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#key(field, FIXED32).#append(bytes);
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#key(field, LENGTH)
      .#append(varint(BigInt(value.length)))
      .#append(value);
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: Message): this {
    this.#key(field, LENGTH).#append(varint(BigInt(value.size)));
    for (const part of value.parts) this.#append(part);
    return this;
  }

  #key(field: number, type: number): this {
    return this.#append(varint(BigInt(field * 8 + type)));
  }

  #append(part: Uint8Array): this {
    this.parts.push(part);
    this.size += part.length;
    return this;
  }
}

/** Seven bits a byte, the lowest first; the highest bit says that more follow. */
function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
