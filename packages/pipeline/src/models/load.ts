/** Weights from files: models of a run from its checkpoints, and trunks that start from pretrained ones. */
import { existsSync } from "node:fs";
import { noGrad, scope, StateDictError, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { modelText } from "./describe.js";
import { guessModel } from "./describe-model.js";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { checkRecorded } from "../weights/recorded.js";
import { readWeights } from "../weights/weights.js";
import { adaptInputChannels } from "../weights/input-channels.js";
import type { SliceModel } from "./trunks/slice-model.js";

/** What was loaded. */
export interface Loaded {
  /** SHA-256 of the file. */
  hash: string;
  metadata: Record<string, string>;
  /** Choices made in reading, in sentences for the user. */
  notes: string[];
}

/** Loads weights into a model, from safetensors or what torch.save wrote. @throws CheckpointError, nothing changed */
export function loadWeights(model: Module, file: string): Loaded {
  if (!existsSync(file))
    throw new CheckpointError(file, "not found", "Train this stage first, or give weights that are there.");
  return scope(() => {
    const { tensors, ...loaded } = readWeights(file);
    checkRecorded(file, loaded.hash);
    loadInto(model, tensors, file, "Give weights of the same model with the same classes.");
    return loadedOf(loaded);
  });
}

/**
 * Loads torchvision's weights of a ResNet (safetensors or .pth) into a slice model's trunk; torchvision's classifier `fc`
 * is passed over, and what follows the trunk stays as it is. Where the trunk has another number of input channels than a
 * colour image, its first layer is adapted. @throws CheckpointError, nothing changed
 */
export function loadTrunk(model: SliceModel, file: string): Loaded {
  const wanted = "slice.pretrained takes torchvision's weights of the slice model's ResNet.";
  const part = model.pretrained;
  if (part === null)
    throw new CheckpointError(file, "this slice model has no ResNet trunk to load into", `${wanted} Set it to null.`);
  if (!existsSync(file)) throw new CheckpointError(file, "not found", wanted);
  return scope(() => {
    const { tensors, ...loaded } = readWeights(file, (name) => name !== "fc.weight" && name !== "fc.bias");
    checkRecorded(file, loaded.hash);
    const trunk = new Map(tensors);
    const first = trunk.get("conv1.weight");
    if (first?.dim === 4 && first.size(1) === 3) trunk.set("conv1.weight", adaptInputChannels(first, model.channels));
    loadInto(part, trunk, file, wanted);
    return loadedOf(loaded);
  });
}

/**
 * Loads weights of an own run into a model that may have other classes: what has another shape, which the last layers have
 * then, stays as it began, and the notes name it. @param prefix of the names in the file, for a model that lies inside of another
 * @throws CheckpointError where names are missing or foreign: another model; nothing changed
 */
export function loadForNewClasses(model: Module, file: string, prefix = ""): Loaded {
  return scope(() => {
    const { tensors, ...loaded } = readWeights(file, (name) => name.startsWith(prefix));
    checkRecorded(file, loaded.hash);
    const own = model.stateDict();
    const left: string[] = [];
    const given = new Map(
      [...tensors].map(([full, tensor]): [string, Tensor] => {
        const name = full.slice(prefix.length);
        const before = own.get(name);
        if (before === undefined || before.shape.join() === tensor.shape.join()) return [name, tensor];
        left.push(`${name} begins anew: ${before.shape.join(" x ")} here, ${tensor.shape.join(" x ")} there.`);
        return [name, before.clone()];
      }),
    );
    loadInto(model, given, file, "init_from takes a run with the same models; its classes may be others.");
    return { ...loadedOf(loaded), notes: [...loaded.notes, ...left] };
  });
}

const loadedOf = ({ hash, metadata, notes }: Loaded): Loaded => ({ hash, metadata, notes });

/** Loads tensors by their names, all or none. @throws CheckpointError that lists what is missing, unexpected or of another shape */
export function loadInto(model: Module, tensors: ReadonlyMap<string, Tensor>, file: string, remedy: string): void {
  try {
    noGrad(() => model.loadStateDict(tensors));
  } catch (error) {
    if (!(error instanceof StateDictError)) throw error;
    const { missing, unexpected, misshapen } = error;
    const problems = [some("missing", missing), some("unexpected", unexpected), some("other shape", misshapen)];
    const text = problems.filter((part) => part !== "").join("; ");
    const guess = guessModel(tensors);
    const hint = guess === null ? "" : ` The file looks like ${modelText(guess)}.`;
    throw new CheckpointError(file, `does not fit the model (${text})`, `${remedy}${hint}`, { cause: error });
  }
}

// The error's cause, a StateDictError, has them all.
const mostListed = 8;

function some(title: string, keys: readonly string[]): string {
  if (keys.length === 0) return "";
  const more = keys.length > mostListed ? ` and ${keys.length - mostListed} more` : "";
  return `${title}: ${keys.slice(0, mostListed).join(", ")}${more}`;
}
