/** safetensors files: an 8-byte header length, a JSON header, then the raw values. https://github.com/huggingface/safetensors */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fromTypedArray, type DType, type Tensor, type TypedArray } from "@slicestack/torch";
import { writeFileAtomic } from "../data/atomic.js";

/** A weights file that is damaged, not one, or of another model. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
  constructor(
    readonly file: string,
    problem: string,
    remedy = "Take the checkpoint of another epoch, or train again.",
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}. ${remedy}`, options);
  }
}

type Code = "F32" | "F64" | "I64" | "I32" | "I16" | "I8" | "U8" | "BOOL";
const codes: Partial<Record<DType, Code>> = {
  float32: "F32",
  float64: "F64",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
  // Half precision comes out of libtorch as float32 and is stored as that.
  bfloat16: "F32",
  float16: "F32",
};
const arrays: Record<Code, (buffer: ArrayBuffer) => TypedArray> = {
  F32: (b) => new Float32Array(b),
  F64: (b) => new Float64Array(b),
  I64: (b) => new BigInt64Array(b),
  I32: (b) => new Int32Array(b),
  I16: (b) => new Int16Array(b),
  I8: (b) => new Int8Array(b),
  U8: (b) => new Uint8Array(b),
  BOOL: (b) => new Uint8Array(b),
};

interface Entry {
  dtype: Code;
  shape: number[];
  data_offsets: [number, number];
}

/** Writes tensors and text metadata; whole or not at all. @returns SHA-256 of the file */
export function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string> = {},
): string {
  const header: Record<string, unknown> = { __metadata__: metadata };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const values = tensor.toTypedArray();
    const dtype = codes[tensor.dtype];
    if (dtype === undefined) throw new CheckpointError(file, `${name} has dtype ${tensor.dtype}, which is not stored`);
    header[name] = { dtype, shape: tensor.shape, data_offsets: [offset, offset + values.byteLength] } satisfies Entry;
    parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    offset += values.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  // Padded to 8 bytes, so that the values are aligned.
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const bytes = Buffer.concat([length, padded, ...parts]);
  writeFileAtomic(file, bytes);
  return createHash("sha256").update(bytes).digest("hex");
}

export interface Safetensors {
  /** Owned by the caller: by the scope around, or to be disposed. */
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
}

/** @throws CheckpointError where the file is missing, cut, or not safetensors */
export function readSafetensors(file: string): Safetensors {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new CheckpointError(file, `cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
  const headerBytes = bytes.length >= 8 ? Number(bytes.readBigUInt64LE(0)) : Infinity;
  if (headerBytes > bytes.length - 8)
    throw new CheckpointError(file, `expected a header of ${headerBytes} bytes, the file has ${bytes.length}`);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(bytes.toString("utf8", 8, 8 + headerBytes)) as Record<string, unknown>;
  } catch {
    throw new CheckpointError(file, "expected a JSON header");
  }
  const { __metadata__: metadata = {}, ...entries } = header;
  const start = 8 + headerBytes;
  const tensors = new Map<string, Tensor>();
  let end = 0;
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets } = checkedEntry(file, name, entry, bytes.length - start);
    const [from, to] = data_offsets;
    const values = arrays[dtype](new Uint8Array(bytes.subarray(start + from, start + to)).buffer);
    tensors.set(name, fromTypedArray(values, shape, dtype === "BOOL" ? { dtype: "bool" } : {}));
    end = Math.max(end, to);
  }
  if (start + end !== bytes.length)
    throw new CheckpointError(file, `expected ${start + end} bytes, the file has ${bytes.length}`);
  return { tensors, metadata: metadata as Record<string, string> };
}

function checkedEntry(file: string, name: string, entry: unknown, room: number): Entry {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Partial<Entry>;
  if (dtype === undefined || !(dtype in arrays))
    throw new CheckpointError(file, `${name} has the dtype ${String(dtype)}, which is not known`);
  const valid =
    Array.isArray(shape) &&
    shape.every((n) => Number.isSafeInteger(n) && n >= 0) &&
    Array.isArray(offsets) &&
    offsets.length === 2;
  const [from, to] = offsets ?? [0, -1];
  if (!valid || !(from >= 0 && to >= from && to <= room))
    throw new CheckpointError(file, `${name} points outside of the file`);
  const itemBytes = { F32: 4, F64: 8, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 }[dtype];
  const wanted = shape.reduce((product, n) => product * n, itemBytes);
  if (to - from !== wanted)
    throw new CheckpointError(file, `${name} of shape [${shape.join(", ")}] needs ${wanted} bytes, has ${to - from}`);
  return { dtype, shape, data_offsets: [from, to] };
}
