/** Recognises the model of a checkpoint, and which stage each of its tensors belongs to. */
import type { Tensor } from "@slicestack/torch";
import { componentNames, componentsOf, findComponent } from "../config/components.js";
import type { RunConfig } from "../config/types.js";
import { first, guessModel, shapesOf, type ModelGuess } from "./guess-model.js";
import { CheckpointError } from "@slicestack/torch/safetensors";
import type { HeadComponent, NetworkComponent, TrunkComponent } from "./component.js";
import { below, unclaimed, tensorsBelow } from "./recognition.js";

type Tensors = ReadonlyMap<string, Tensor>;

export interface Recognised {
  guess: ModelGuess;
  method: RunConfig["method"];
  /** The tensors of the slice model under its names; null for a 3D model. */
  slice: Tensors | null;
  /** The tensors of the head, or of the 3D model. */
  volume: Tensors | null;
  /** The slice model under its name in a configuration; null for a 3D model. */
  trunk: string | null;
  /** The name of the head; null if there is none, or it cannot be recognised. */
  head: string | null;
  /** Whether the last layer of the slice model was trained with it, so that its slices can vote. */
  votes: boolean;
  notes: string[];
}

/** @throws CheckpointError if the model is unknown, or the file holds only a head or only a trunk */
export function recognise(file: string, tensors: Tensors): Recognised {
  const guess = guessModel(tensors);
  if (guess === null) throw unknownModel(file, tensors);
  const shapes = shapesOf(tensors);
  const network = findComponent("network", guess.model) as NetworkComponent | undefined;
  if (network?.stages !== undefined) {
    const head = first("head", shapes)?.component.name ?? null;
    return { guess, method: "2.5d", trunk: trunkOf(guess), head, ...network.stages(tensors, guess) };
  }
  if ([...tensors.keys()].some((name) => name.startsWith("trunk."))) return joint(file, tensors, guess);
  const trunk = first("trunk", shapes);
  if (trunk !== undefined && network === undefined) {
    const adopted = adoptedBy(trunk.component, file, tensors, guess);
    const named = { ...guess, ...adopted.guess };
    return {
      guess: named,
      method: "2d",
      slice: adopted.tensors,
      volume: null,
      trunk: trunkOf(named),
      head: null,
      votes: true,
      notes: adopted.notes,
    };
  }
  if (network === undefined)
    throw new CheckpointError(
      file,
      `holds ${/^a/.test(guess.model) ? "an" : "a"} ${guess.model} alone, without the slice model that computes its embeddings`,
      "Evaluate the run folder that contains it: slicestack evaluate RUN --data DATA.",
    );
  return {
    guess,
    method: "3d",
    slice: null,
    volume: tensors,
    trunk: null,
    head: null,
    votes: false,
    notes: [],
  };
}

function joint(file: string, tensors: Tensors, guess: ModelGuess): Recognised {
  const shapes = shapesOf(tensors);
  const slice = first("trunk", below(shapes, "trunk."))!;
  const head = first("head", below(shapes, "head."))?.component;
  const sliceTensors = new Map([
    ...tensorsBelow(tensors, "trunk."),
    ...unclaimed(tensors, ["trunk.", "head."]),
  ]);
  const { tensors: trunk, notes } = adoptedBy(slice.component, file, sliceTensors, slice.guess);
  return {
    guess,
    method: "2.5d",
    slice: trunk,
    volume: tensorsBelow(tensors, "head."),
    trunk: trunkOf({ ...guess, model: slice.guess.model, alike: slice.guess.alike ?? [] }),
    head: head?.name ?? null,
    // After fine-tuning, the last layer of the slice model no longer fits the trunk.
    votes: head?.sees === "maps",
    notes,
  };
}

const adoptedBy = (
  component: TrunkComponent,
  file: string,
  tensors: Tensors,
  guess: Parameters<NonNullable<TrunkComponent["adopt"]>>[2],
) => component.adopt?.(file, tensors, guess) ?? { tensors, guess, notes: [] };

/** The name of a recognised trunk in a configuration; for a ResNet, that of its depth. */
function trunkOf({ model, alike, depth }: Pick<ModelGuess, "model" | "alike" | "depth">): string {
  const names = componentNames("trunk");
  const trunks = (componentsOf("trunk") as readonly TrunkComponent[]).filter(({ name }) =>
    names.includes(name),
  );
  const ofDepth = trunks.filter((trunk) => depth !== null && trunk.depth === depth).map(({ name }) => name);
  return ofDepth.at(-1) ?? [model, ...alike].find((name) => names.includes(name)) ?? model;
}

/** The tensor names by which models are recognised, grouped by equal names. */
function known(): string {
  const models = [
    ...componentsOf("trunk"),
    ...componentsOf("network"),
    ...componentsOf("head"),
  ] as unknown as readonly (TrunkComponent | NetworkComponent | HeadComponent)[];
  const bySignature = new Map<string, string[]>();
  for (const { name, recognise: recogniser, signature = "" } of models)
    if (recogniser !== undefined) bySignature.set(signature, [...(bySignature.get(signature) ?? []), name]);
  const texts = [...bySignature].map(
    ([signature, names]) => `${names.join(", ")}${signature === "" ? "" : ` (${signature})`}`,
  );
  return [...texts, "fine-tuned runs (trunk.…, head.…)"].join("; ");
}

function unknownModel(file: string, tensors: Tensors): CheckpointError {
  const names = [...tensors].slice(0, 6).map(([name, { shape }]) => `${name} [${shape.join(", ")}]`);
  return new CheckpointError(
    file,
    `does not hold a known model; its ${tensors.size} tensors begin with ${names.join(", ")}`,
    `Models are recognised by these names: ${known()}.`,
  );
}
