/** Weights from files: models of a run from its checkpoints, and trunks that start from pretrained ones. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { noGrad, scope, StateDictError, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { CheckpointError, readSafetensors } from "../export/safetensors.js";
import { adaptInputChannels } from "./common/input-channels.js";
import { CustomResNet } from "./custom-resnet.js";
import type { SliceModel } from "./slice-model.js";

/** Loads weights into a model. @returns SHA-256 of the file and its metadata @throws CheckpointError, nothing changed */
export function loadWeights(model: Module, file: string): { hash: string; metadata: Record<string, string> } {
  if (!existsSync(file))
    throw new CheckpointError(file, "not found", "Train this stage first, or give weights that are there.");
  const metadata = scope(() => {
    const saved = readSafetensors(file);
    loadInto(model, saved.tensors, file, "Give weights of the same model with the same classes.");
    return saved.metadata;
  });
  return { hash: createHash("sha256").update(readFileSync(file)).digest("hex"), metadata };
}

/**
 * Loads torchvision's weights of a ResNet (safetensors) into a slice model's trunk; torchvision's classifier `fc` is
 * passed over, and what follows the trunk stays as it is. Where the trunk has another number of input channels than a
 * colour image, its first layer is adapted. @throws CheckpointError, nothing changed
 */
export function loadTrunk(model: SliceModel, file: string): void {
  const wanted = "slice.pretrained takes torchvision's weights of the slice model's ResNet, as safetensors.";
  if (!(model instanceof CustomResNet))
    throw new CheckpointError(file, "this slice model has no ResNet trunk to load into", `${wanted} Set it to null.`);
  if (!existsSync(file)) throw new CheckpointError(file, "not found", wanted);
  scope(() => {
    const trunk = new Map(readSafetensors(file).tensors);
    for (const name of ["fc.weight", "fc.bias"]) trunk.delete(name);
    const first = trunk.get("conv1.weight");
    if (first?.dim === 4 && first.size(1) === 3) trunk.set("conv1.weight", adaptInputChannels(first, model.channels));
    loadInto(model.resnet, trunk, file, wanted);
  });
}

function loadInto(model: Module, tensors: ReadonlyMap<string, Tensor>, file: string, remedy: string): void {
  try {
    noGrad(() => model.loadStateDict(tensors));
  } catch (error) {
    if (!(error instanceof StateDictError)) throw error;
    const { missing, unexpected, misshapen } = error;
    const problems = [some("missing", missing), some("unexpected", unexpected), some("other shape", misshapen)];
    const text = problems.filter((part) => part !== "").join("; ");
    throw new CheckpointError(file, `does not fit the model (${text})`, remedy, { cause: error });
  }
}

function some(title: string, keys: readonly string[]): string {
  if (keys.length === 0) return "";
  const more = keys.length > 3 ? ` and ${keys.length - 3} more` : "";
  return `${title}: ${keys.slice(0, 3).join(", ")}${more}`;
}
