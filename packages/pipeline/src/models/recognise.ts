/** What a checkpoint holds: which model, and which of its tensors are whose stage. */
import type { Tensor } from "@slicestack/torch";
import { componentNames, componentsOf, findComponent } from "../config/components.js";
import type { RunConfig } from "../config/types.js";
import { first, guessModel, shapesOf, type ModelGuess } from "./describe-model.js";
import { CheckpointError } from "@slicestack/torch/safetensors";
import type { HeadComponent, NetworkComponent, TrunkComponent } from "./component.js";
import { below, strangers, tensorsBelow } from "./recognition.js";

type Tensors = ReadonlyMap<string, Tensor>;

export interface Recognised {
  guess: ModelGuess;
  method: RunConfig["method"];
  /** Of the slice model, by its own names; null for a 3D model. */
  slice: Tensors | null;
  /** Of the head, or of the 3D model. */
  volume: Tensors | null;
  /** The slice model by the name that a configuration has of it; null for a 3D model. */
  trunk: string | null;
  /** The head by its name; null where there is none, or its names do not tell. */
  head: string | null;
  /** Whether the slice model's last layer belongs to it, so that its slices can vote. */
  votes: boolean;
  notes: string[];
}

/** @throws CheckpointError where it is of no known model, a head alone, or a trunk alone */
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
      `holds ${/^a/.test(guess.model) ? "an" : "a"} ${guess.model} alone, without the slice model whose embeddings it sees`,
      "Score the run folder that it lies in: slicestack evaluate RUN --data DATA.",
    );
  return { guess, method: "3d", slice: null, volume: tensors, trunk: null, head: null, votes: false, notes: [] };
}

function joint(file: string, tensors: Tensors, guess: ModelGuess): Recognised {
  const shapes = shapesOf(tensors);
  const slice = first("trunk", below(shapes, "trunk."))!;
  const head = first("head", below(shapes, "head."))?.component;
  const own = new Map([...tensorsBelow(tensors, "trunk."), ...strangers(tensors, ["trunk.", "head."])]);
  const { tensors: trunk, notes } = adoptedBy(slice.component, file, own, slice.guess);
  return {
    guess,
    method: "2.5d",
    slice: trunk,
    volume: tensorsBelow(tensors, "head."),
    trunk: trunkOf({ ...guess, model: slice.guess.model, alike: slice.guess.alike ?? [] }),
    head: head?.name ?? null,
    // Fine-tuning changes the trunk under the last layer of the slice model.
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

/** The name that a configuration has of a recognised trunk: of a ResNet that of its depth. */
function trunkOf({ model, alike, depth }: Pick<ModelGuess, "model" | "alike" | "depth">): string {
  const names = componentNames("trunk");
  const trunks = (componentsOf("trunk") as readonly TrunkComponent[]).filter(({ name }) => names.includes(name));
  const ofDepth = trunks.filter((trunk) => depth !== null && trunk.depth === depth).map(({ name }) => name);
  return ofDepth.at(-1) ?? [model, ...alike].find((name) => names.includes(name)) ?? model;
}

/** What each model is recognised by, those with the same names together. */
function known(): string {
  const models = [
    ...componentsOf("trunk"),
    ...componentsOf("network"),
    ...componentsOf("head"),
  ] as unknown as readonly (TrunkComponent | NetworkComponent | HeadComponent)[];
  const bySignature = new Map<string, string[]>();
  for (const { name, recognise: own, signature = "" } of models)
    if (own !== undefined) bySignature.set(signature, [...(bySignature.get(signature) ?? []), name]);
  const texts = [...bySignature].map(
    ([signature, names]) => `${names.join(", ")}${signature === "" ? "" : ` (${signature})`}`,
  );
  return [...texts, "fine-tuned runs (trunk.…, head.…)"].join("; ");
}

function unknownModel(file: string, tensors: Tensors): CheckpointError {
  const names = [...tensors].slice(0, 6).map(([name, { shape }]) => `${name} [${shape.join(", ")}]`);
  return new CheckpointError(
    file,
    `is of no model that is known here; its ${tensors.size} tensors begin with ${names.join(", ")}`,
    `Known are, by these names: ${known()}.`,
  );
}
