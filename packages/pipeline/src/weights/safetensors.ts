/** safetensors files as a run keeps them: whole or not there, and known by their hash. */
import { createHash } from "node:crypto";
import type { Tensor } from "@slicestack/torch";
import { loadFile, safetensorsBytes, type Safetensors } from "@slicestack/torch/safetensors";
import { AtomicFileWriter } from "../data/atomic.js";

export interface WriteOptions {
  /** Called with the file's SHA-256 before the file takes its name. */
  beforeCommit?: (sha256: string) => void;
}

/** Writes tensors and text metadata; whole or not at all. @returns SHA-256 of the file */
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

/** @throws CheckpointError if the file is missing, cut, or not safetensors */
export function readSafetensors(path: string): Safetensors {
  return loadFile(path);
}
