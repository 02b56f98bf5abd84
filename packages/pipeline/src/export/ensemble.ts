/** Several models as one graph: each of them from the same voxels, then the mean of their probabilities. K classes. */
import type { Tensor } from "@slicestack/torch";
import { recordProgram, type Program, type ProgramInput } from "@slicestack/torch/onnx";
import { ExportError } from "./export-error.js";
import { extentText } from "./forms.js";
import type { Chain } from "./slice-programs.js";

/** The outputs that are averaged; the evidence of slices only where every model has it. */
const AVERAGED = ["probabilities", "calibrated", "slice_weights"] as const;

/** @throws ExportError if the models take different numbers of slices or volumes */
export function ensembleChain(chains: readonly Chain[]): Chain {
  const [first] = chains;
  const extents = (chain: Chain) =>
    `${extentText(chain.volumes)} volumes of ${extentText(chain.slices)} slices`;
  const other = chains.find((chain) => extents(chain) !== extents(first!));
  if (first === undefined || other !== undefined)
    throw new ExportError(
      `The models of the group take different inputs (${extents(first!)}, ${extents(other!)})`,
      "Export them one by one.",
    );
  const renamed = chains.flatMap(({ programs }, k) => programs.map((program) => apart(program, k)));
  return { programs: [...renamed, meanProgram(chains)], volumes: first.volumes, slices: first.slices };
}

const nameOf = (name: string, k: number): string => `model${k}.${name}`;

/** The same program with names of its own, apart from the voxels, which all models share. */
function apart(program: Program, k: number): Program {
  const names = [...program.inputs.map(({ name }) => name), ...program.outputs.keys()];
  return {
    ...program,
    names: new Map(names.filter((name) => name !== "voxels").map((name) => [name, nameOf(name, k)])),
  };
}

function meanProgram(chains: readonly Chain[]): Program {
  const outputsOf = ({ programs }: Chain) => programs.at(-1)!.outputs;
  const averaged = AVERAGED.filter((name) => chains.every((chain) => outputsOf(chain).has(name)));
  const inputs = averaged.flatMap((name) =>
    chains.map((chain, k): ProgramInput => {
      const sizes = outputsOf(chain).get(name)!.shape;
      const axes = ["volumes", name === "slice_weights" ? "slices_seen" : "classes"];
      const shape = sizes.map((size, axis) => (typeof size === "number" ? size : axes[axis]!));
      return { name: nameOf(name, k), dtype: "float32", shape };
    }),
  );
  return recordProgram({
    inputs,
    parameters: new Map(),
    run: (given) =>
      Object.fromEntries(
        averaged.map((name) => [name, meanOf(chains.map((_, k) => given[nameOf(name, k)]!))]),
      ),
  });
}

const meanOf = (tensors: readonly Tensor[]): Tensor =>
  tensors.reduce((sum, tensor) => sum.add(tensor)).div(tensors.length);
