/** safetensors files: an 8-byte header length, a JSON header, then the raw values. https://github.com/huggingface/safetensors */
import { createHash } from "node:crypto";
import type { Tensor } from "@slicestack/torch";
import { writeFileAtomic } from "../data/atomic.js";
import { codeOf, readHeader } from "./safetensors-header.js";
import { readTensors } from "./stored-tensor.js";
import { WeightsFile } from "./weights-file.js";

export { CheckpointError } from "./errors.js";

/** Writes tensors and text metadata; whole or not at all. @returns SHA-256 of the file */
export function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string> = {},
): string {
  const header = new Map<string, unknown>([["__metadata__", metadata]]);
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const values = tensor.toTypedArray();
    // Half precision comes out of libtorch as float32 and is stored as that.
    const isHalf = tensor.dtype === "bfloat16" || tensor.dtype === "float16";
    const dtype = codeOf[isHalf ? "float32" : tensor.dtype];
    header.set(name, { dtype, shape: tensor.shape, data_offsets: [offset, offset + values.byteLength] });
    parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    offset += values.byteLength;
  }
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
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
export function readSafetensors(path: string): Safetensors {
  using file = new WeightsFile(path);
  const { stored, metadata } = readHeader(file);
  return { tensors: readTensors(file, stored), metadata };
}
