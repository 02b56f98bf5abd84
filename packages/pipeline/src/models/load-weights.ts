/** Loads weights from files: models of a run from its checkpoints, and trunks from pretrained weights. */
import { existsSync } from "node:fs";
import { noGrad, scope, StateDictError, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { modelText } from "./describe-weights.js";
import { guessModel } from "./guess-model.js";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { checkRecorded } from "../weights/recorded-hash.js";
import { readWeights } from "../weights/weights.js";
import { adaptInputChannels } from "../weights/input-channels.js";
import type { SliceModel } from "./trunks/slice-model.js";

/** Describes the weights that were loaded. */
export interface Loaded {
  /** SHA-256 of the file. */
  hash: string;
  metadata: Record<string, string>;
  /** Choices that were made in reading, in sentences for the user. */
  notes: string[];
}

/** Loads weights into a model, from safetensors or a file of torch.save. @throws CheckpointError; the model is then unchanged */
export function loadWeights(model: Module, file: string): Loaded {
  if (!existsSync(file))
    throw new CheckpointError(file, "not found", "Train this stage first, or give an existing weights file.");
  return scope(() => {
    const { tensors, ...loaded } = readWeights(file);
    checkRecorded(file, loaded.hash);
    loadInto(model, tensors, file, "Give weights of the same model with the same classes.");
    return loadedOf(loaded);
  });
}

/**
 * Loads pretrained weights of other programs (safetensors or .pth) into a slice model's trunk: torchvision's, and for some
 * trunks those of timm and others (trunks/). Their classifier is left out, and the layers after the trunk are unchanged. If the
 * trunk has another number of input channels than a colour image, its first layer is adapted.
 * @throws CheckpointError; the model is then unchanged
 */
export function loadTrunk(model: SliceModel, file: string): Loaded {
  const wanted = "slice.pretrained needs pretrained weights for the trunk of the slice model.";
  const target = model.pretrained;
  if (target === null)
    throw new CheckpointError(
      file,
      "there are no pretrained weights for this slice model",
      `${wanted} Set it to null.`,
    );
  if (!existsSync(file)) throw new CheckpointError(file, "not found", wanted);
  return scope(() => {
    const { tensors, ...loaded } = readWeights(file);
    checkRecorded(file, loaded.hash);
    const trunk = model.adoptPretrained(tensors);
    const first = trunk.get(model.firstLayer);
    if (first?.dim === 4 && first.size(1) === 3)
      trunk.set(model.firstLayer, adaptInputChannels(first, model.channels));
    loadInto(target, trunk, file, wanted);
    return loadedOf(loaded);
  });
}

/**
 * Loads weights of a run into a model that may have other classes. Tensors of another shape, usually those of the last layers,
 * keep their initial values, and the notes name them. @param prefix of the names in the file, for a model inside another one
 * @throws CheckpointError if names are missing or unexpected, which means another model; the model is then unchanged
 */
export function loadForNewClasses(model: Module, file: string, prefix = ""): Loaded {
  return scope(() => {
    const { tensors, ...loaded } = readWeights(file, (name) => name.startsWith(prefix));
    checkRecorded(file, loaded.hash);
    const initial = model.stateDict();
    const keptInitial: string[] = [];
    const given = new Map(
      [...tensors].map(([full, tensor]): [string, Tensor] => {
        const name = full.slice(prefix.length);
        const before = initial.get(name);
        if (before === undefined || before.shape.join() === tensor.shape.join()) return [name, tensor];
        keptInitial.push(
          `${name} keeps its initial values: ${before.shape.join(" x ")} here, ${tensor.shape.join(" x ")} in the file.`,
        );
        return [name, before.clone()];
      }),
    );
    loadInto(model, given, file, "init_from needs a run with the same models; its classes may differ.");
    return { ...loadedOf(loaded), notes: [...loaded.notes, ...keptInitial] };
  });
}

const loadedOf = ({ hash, metadata, notes }: Loaded): Loaded => ({ hash, metadata, notes });

/** Loads tensors by name, all or none. @throws CheckpointError that lists missing and unexpected tensors, and those of another shape */
export function loadInto(
  model: Module,
  tensors: ReadonlyMap<string, Tensor>,
  file: string,
  remedy: string,
): void {
  try {
    noGrad(() => model.loadStateDict(tensors));
  } catch (error) {
    if (!(error instanceof StateDictError)) throw error;
    const { missing, unexpected, misshapen } = error;
    const problems = [
      some("missing", missing),
      some("unexpected", unexpected),
      some("other shape", misshapen),
    ];
    const text = problems.filter((part) => part !== "").join("; ");
    const guess = guessModel(tensors);
    const hint = guess === null ? "" : ` The file looks like ${modelText(guess)}.`;
    throw new CheckpointError(file, `does not fit the model (${text})`, `${remedy}${hint}`, { cause: error });
  }
}

// The cause of the error, a StateDictError, lists all of them.
const mostListed = 8;

function some(title: string, keys: readonly string[]): string {
  if (keys.length === 0) return "";
  const more = keys.length > mostListed ? ` and ${keys.length - mostListed} more` : "";
  return `${title}: ${keys.slice(0, mostListed).join(", ")}${more}`;
}
