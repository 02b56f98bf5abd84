/** The texts in an ONNX file. Runtimes in JavaScript do not give them, so they are read from the file's protobuf. */
import { OnnxModelError } from "./error.js";

/** Fields of ModelProto and StringStringEntryProto (onnx/onnx.proto, IR version 8). */
const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;

/** Metadata by key. @throws OnnxModelError if the bytes are not a whole protobuf message */
export function onnxMetadata(bytes: Uint8Array): Map<string, string> {
  const found = new Map<string, string>();
  const text = new TextDecoder("utf-8", { fatal: true });
  try {
    for (const { field, content } of fieldsOf(bytes)) {
      if (field !== METADATA_PROPS || content === null) continue;
      const entry = new Map(Array.from(fieldsOf(content), (part) => [part.field, part.content] as const));
      found.set(text.decode(entry.get(KEY) ?? EMPTY), text.decode(entry.get(VALUE) ?? EMPTY));
    }
  } catch (cause) {
    if (!(cause instanceof RangeError || cause instanceof TypeError)) throw cause;
    throw new OnnxModelError(
      `The file is not a whole ONNX graph (${cause.message})`,
      "Copy or download it again.",
      {
        cause,
      },
    );
  }
  return found;
}

const EMPTY = new Uint8Array(0);

interface Field {
  field: number;
  /** The bytes of a text, an array or a message; null for a number. */
  content: Uint8Array | null;
}

/** The fields of a protobuf message, in their order. @throws RangeError if it ends early or has an unknown wire type */
function* fieldsOf(bytes: Uint8Array): Generator<Field, void> {
  const reader = { bytes, at: 0 };
  while (reader.at < bytes.length) {
    const tag = varint(reader);
    const field = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === 0) {
      varint(reader);
      yield { field, content: null };
    } else if (wireType === 1 || wireType === 5) {
      take(reader, wireType === 1 ? 8 : 4);
      yield { field, content: null };
    } else if (wireType === 2) yield { field, content: take(reader, varint(reader)) };
    else throw new RangeError(`byte ${reader.at}: wire type ${wireType}`);
  }
}

interface Reader {
  bytes: Uint8Array;
  at: number;
}

function take(reader: Reader, length: number): Uint8Array {
  const end = reader.at + length;
  if (end > reader.bytes.length)
    throw new RangeError(`it ends at byte ${reader.bytes.length}, expected ${end}`);
  const part = reader.bytes.subarray(reader.at, end);
  reader.at = end;
  return part;
}

/** Seven bits a byte, the lowest first. Products, because shifts of JavaScript keep 32 bits. */
function varint(reader: Reader): number {
  let value = 0;
  for (let place = 0; place < 10; place++) {
    const [byte = 0] = take(reader, 1);
    value += (byte & 127) * 128 ** place;
    if (byte < 128) return value;
  }
  throw new RangeError(`byte ${reader.at}: a number of more than ten bytes`);
}
