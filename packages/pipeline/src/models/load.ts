/** Models of a run from its checkpoints. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { noGrad, scope } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { CheckpointError, readSafetensors } from "../export/safetensors.js";

/** Loads weights into a model. @returns SHA-256 of the file and its metadata @throws CheckpointError, StateDictError */
export function loadWeights(model: Module, file: string): { hash: string; metadata: Record<string, string> } {
  if (!existsSync(file)) throw new CheckpointError(file, "not found", "Train this stage first.");
  const metadata = scope(() => {
    const saved = readSafetensors(file);
    noGrad(() => model.loadStateDict(saved.tensors));
    return saved.metadata;
  });
  return { hash: createHash("sha256").update(readFileSync(file)).digest("hex"), metadata };
}
