/** Reads and writes the safetensors files of runs: complete or absent, and identified by their hash. */
import { createHash } from "node:crypto";
import type { Tensor } from "@slicestack/torch";
import { loadFile, safetensorsBytes, type Safetensors } from "@slicestack/torch/safetensors";
import { AtomicFileWriter } from "../data/atomic.js";

export interface WriteOptions {
  /** Called with the SHA-256 before the file gets its final name. */
  beforeCommit?: (sha256: string) => void;
}

/** Writes tensors and text metadata, completely or not at all. @returns SHA-256 of the file */
export function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string> = {},
  { beforeCommit }: WriteOptions = {},
): string {
  const hash = createHash("sha256");
  const writer = new AtomicFileWriter(file);
  let sha256: string;
  try {
    for (const bytes of safetensorsBytes(tensors, metadata)) {
      hash.update(bytes);
      writer.write(bytes);
    }
    sha256 = hash.digest("hex");
    beforeCommit?.(sha256);
    writer.commit();
  } catch (error) {
    writer.abort();
    throw error;
  }
  return sha256;
}

/** @throws CheckpointError if the file is missing, truncated, or not safetensors */
export function readSafetensors(path: string): Safetensors {
  return loadFile(path);
}
