/**
 * The header of a safetensors file, with the checks of the reference reader: https://github.com/huggingface/safetensors
 */
import { refuseRepeatedKeys } from "./json-keys.js";
import { contiguousStride, itemBytes, Storage, StoredTensor, viewProblem } from "./stored-tensor.js";
import type { DType } from "../types.js";
import { messageOf, type WeightsFile } from "./weights-file.js";

/** The format's name of each dtype. */
export const codeOf: Record<DType, string> = {
  float32: "F32",
  float64: "F64",
  bfloat16: "BF16",
  float16: "F16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};
const dtypeOf = new Map(Object.entries(codeOf).map(([dtype, code]) => [code, dtype as DType]));

/** Enough for names, shapes and offsets of a hundred thousand tensors. */
const mostHeaderBytes = 1 << 24;

/** @throws CheckpointError where lengths, types, shapes or offsets do not match each other and the file */
export function readHeader(file: WeightsFile): {
  stored: Map<string, StoredTensor>;
  metadata: Record<string, string>;
} {
  if (file.size < 8) throw file.fault(`expected a header, the file has ${file.size} bytes`);
  const length = Number(new DataView(file.read(0, 8).buffer).getBigUint64(0, true));
  if (length > file.size - 8)
    throw file.fault(`expected a header of ${length} bytes, the file has ${file.size}`);
  if (length > mostHeaderBytes)
    throw file.fault(`has a header of ${length} bytes, at most ${mostHeaderBytes} are supported`);
  const header = parsed(file, file.read(8, length));
  const stored = new Map<string, StoredTensor>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") metadata = checkedMetadata(file, entry);
    else stored.set(name, checkedTensor(file, name, entry, 8 + length));
  }
  refuseGaps(file, stored, 8 + length);
  return { stored, metadata };
}

function parsed(file: WeightsFile, bytes: Uint8Array): object {
  let header: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    header = JSON.parse(text);
    // JSON.parse keeps the last of two equal keys, so another reader may see different content.
    refuseRepeatedKeys(text);
  } catch (error) {
    throw file.fault(`expected a JSON header (${messageOf(error)})`, undefined, error);
  }
  if (!isObject(header)) throw file.fault("expected a JSON header that is an object");
  return header;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkedMetadata(file: WeightsFile, entry: unknown): Record<string, string> {
  if (isObject(entry) && Object.values(entry).every((value) => typeof value === "string"))
    return Object.fromEntries(Object.entries(entry).map(([key, value]) => [key, String(value)]));
  throw file.fault("expected metadata with string values");
}

function checkedTensor(file: WeightsFile, name: string, entry: unknown, start: number): StoredTensor {
  const fields: { dtype?: unknown; shape?: unknown; data_offsets?: unknown } = isObject(entry) ? entry : {};
  const dtype = typeof fields.dtype === "string" ? dtypeOf.get(fields.dtype) : undefined;
  if (dtype === undefined) {
    const known = [...dtypeOf.keys()].join(", ");
    throw file.fault(
      `${name} has the dtype ${JSON.stringify(fields.dtype)}, which is not supported`,
      `Save it as one of ${known}.`,
    );
  }
  const [shape, offsets] = [wholeNumbers(fields.shape), wholeNumbers(fields.data_offsets)];
  const [from, to] = offsets ?? [];
  if (shape === null || from === undefined || to === undefined || offsets?.length !== 2)
    throw file.fault(`${name} has no shape and data_offsets of whole numbers`);
  if (!(from <= to && to <= file.size - start))
    throw file.fault(`${name} has data_offsets outside of the file`);
  const numel = shape.reduce((product, size) => product * size, 1);
  if (to - from !== numel * itemBytes[dtype])
    throw file.fault(
      `${name} of shape [${shape.join(", ")}] needs ${numel * itemBytes[dtype]} bytes, has ${to - from}`,
    );
  const storage = new Storage(name, dtype, numel);
  storage.place = { at: start + from, isIntact: null };
  const tensor = new StoredTensor(storage, 0, shape, contiguousStride(shape));
  const problem = viewProblem(tensor);
  if (problem !== null) throw file.fault(`${name} ${problem}`);
  return tensor;
}

function wholeNumbers(value: unknown): number[] | null {
  if (!Array.isArray(value)) return null;
  const items: unknown[] = value;
  const whole = items.filter((n): n is number => Number.isSafeInteger(n) && Number(n) >= 0);
  return whole.length === items.length ? whole : null;
}

/** Checks that every byte after the header belongs to exactly one tensor. */
function refuseGaps(file: WeightsFile, stored: ReadonlyMap<string, StoredTensor>, start: number): void {
  const ranges = [...stored].map(([name, { storage }]) => ({
    name,
    at: storage.place?.at ?? 0,
    bytes: storage.bytes,
  }));
  ranges.sort((a, b) => a.at - b.at || a.bytes - b.bytes);
  let end = start;
  for (const { name, at, bytes } of ranges) {
    if (at !== end)
      throw file.fault(
        `${name} begins at byte ${at}, expected ${end}: tensors overlap, or something lies between them`,
      );
    end += bytes;
  }
  if (end !== file.size) throw file.fault(`expected ${end} bytes, the file has ${file.size}`);
}
