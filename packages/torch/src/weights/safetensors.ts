/**
 * safetensors files: an 8-byte header length, a JSON header, then the raw values.
 * https://github.com/huggingface/safetensors
 */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { noGrad } from "../autograd.js";
import { checkMap } from "../checks.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { codeOf, readHeader } from "./safetensors-header.js";
import { itemBytes, readTensors } from "./stored-tensor.js";
import { WeightsFile } from "./weights-file.js";

/** Buffer size for one tensor: large enough to be fast, and far below the limit of a single write. */
const pieceBytes = 1 << 26;

export interface Safetensors {
  /** Tensors by name. They belong to the caller: to the enclosing scope, or to be disposed. */
  tensors: Map<string, Tensor>;
  /** The text metadata of the file. */
  metadata: Record<string, string>;
}

/**
 * Writes tensors and text metadata to a file that every safetensors reader opens; the file is either complete or does
 * not exist.
 * @example saveFile(model.stateDict(), "model.safetensors");
 */
export function saveFile(
  tensors: ReadonlyMap<string, Tensor>,
  path: string,
  metadata: Record<string, string> = {},
): void {
  checkMap("tensors", tensors, "saveFile");
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  const descriptor = openSync(temporary, "wx");
  try {
    try {
      for (const bytes of safetensorsBytes(tensors, metadata))
        for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Reads all tensors of a safetensors file, on the CPU.
 * @example model.loadStateDict(loadFile("model.safetensors").tensors);
 * @throws CheckpointError where the file is missing, truncated, or not safetensors
 */
export function loadFile(path: string): Safetensors {
  using file = new WeightsFile(path);
  const { stored, metadata } = readHeader(file);
  return { tensors: readTensors(file, stored), metadata };
}

/** The content of the file in chunks of at most 64 MB, so that tensors of any size can be written. */
export function* safetensorsBytes(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string> = {},
): Generator<Uint8Array> {
  const header = new Map<string, unknown>([["__metadata__", metadata]]);
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const { dtype, shape, numel } = tensor;
    const bytes = numel * itemBytes[dtype];
    header.set(name, { dtype: codeOf[dtype], shape, data_offsets: [offset, offset + bytes] });
    offset += bytes;
  }
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  // Padded to 8 bytes, so that the values are aligned.
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  yield Buffer.concat([length, padded]);
  for (const tensor of tensors.values()) yield* valuesOf(tensor);
}

/** The values in row-major order. */
function* valuesOf(tensor: Tensor): Generator<Uint8Array> {
  const flat = scope(() => noGrad(() => tensor.detach().contiguous().view(-1)));
  try {
    const most = pieceBytes / itemBytes[flat.dtype];
    for (let first = 0; first < flat.numel; first += most) {
      const count = Math.min(most, flat.numel - first);
      yield scope(() => rawBytes(flat.narrow(0, first, count)));
    }
  } finally {
    flat.dispose();
  }
}

function rawBytes(flat: Tensor): Uint8Array {
  // There is no typed array for half precision, so its bits are read as whole numbers.
  const isHalf = flat.dtype === "bfloat16" || flat.dtype === "float16";
  const values = (isHalf ? flat.viewDtype("int16") : flat).toTypedArray();
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
