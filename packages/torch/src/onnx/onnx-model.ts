/** Builds an ONNX file from a sequence of computations. */
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { bytesOf, GraphWriter } from "./graph.js";
import { modelProto, type ElementType, type Initializer, type TensorInfo } from "./model-proto.js";
import { OnnxError } from "./onnx-error.js";
import type { Program } from "./program.js";
import { sizeText, type Size } from "./size.js";
import { writeProgram } from "./write-program.js";

export interface OnnxOptions {
  name: string;
  /** Outputs of the file, by the names that the computations give them, with a description for readers. */
  outputs: readonly { name: string; description?: string }[];
  /** Inputs whose type in the file differs from that in the engine, with a description for readers. */
  inputs?: Readonly<Record<string, { type?: ElementType; description?: string }>>;
  description?: string;
  metadata?: Readonly<Record<string, string>>;
  /** float16: weights are kept in half precision and computed with in float32. Default: as they are. */
  weights?: "float16";
  producerVersion?: string;
}

export interface OnnxModel {
  /** The file, in pieces one after another. */
  parts: readonly Uint8Array[];
  /** Its length in bytes. */
  size: number;
  inputs: TensorInfo[];
  outputs: TensorInfo[];
  /** Node types, each once. */
  ops: string[];
}

/** Opset 18 has the antialiased resize. */
const OPSET = 18;
/** The most bytes of a protocol buffer. */
const MOST_BYTES = 2 ** 31 - 1;

/**
 * Writes computations as one graph. An input of a later one that has the name of an output of an earlier one is that
 * output; all other inputs are inputs of the file.
 * @throws OnnxError for a computation that cannot be written, or a file of 2 GiB or more
 */
export function onnxModel(programs: readonly Program[], options: OnnxOptions): OnnxModel {
  const graph = new GraphWriter();
  const inputs: TensorInfo[] = [];
  const results = new Map<string, TensorInfo>();
  programs.forEach((program, k) => {
    const nameOf = (name: string) => program.names?.get(name) ?? name;
    const names = new Map(
      program.inputs.map(({ name }) => [name, results.get(nameOf(name))?.name ?? nameOf(name)]),
    );
    for (const { name, ...input } of program.inputs.map((one) => ({ ...one, name: nameOf(one.name) })))
      if (!results.has(name) && !inputs.some((known) => known.name === name))
        inputs.push(infoOf({ name, ...input }, options.inputs?.[name]));
    const cast = castInputs(graph, program, names, inputs);
    writeProgram(graph, program, cast, programs.length === 1 ? "" : `${k}.`);
    for (const [name, tensor] of program.outputs) {
      const shape = tensor.shape.map((size) => dimension(size, name));
      results.set(nameOf(name), { name: graph.name(tensor), type: tensor.dtype, shape });
    }
  });
  const outputs = options.outputs.map((output) => {
    const found = results.get(output.name);
    if (found === undefined)
      throw new OnnxError(`no computation gives an output ${output.name}`, "onnxModel");
    graph.nodes.push({
      type: "Identity",
      name: `output_${output.name}`,
      inputs: [found.name],
      outputs: [output.name],
      attributes: {},
    });
    return { ...found, ...output };
  });
  const half = options.weights === "float16";
  const initializers = [...graph.initializers, ...weightsOf(graph, half)];
  const message = modelProto({
    opset: OPSET,
    producer: { name: "slicestack", version: options.producerVersion ?? "" },
    description: options.description ?? "",
    metadata: options.metadata ?? {},
    graph: {
      name: options.name,
      nodes: [...halved(graph, half), ...graph.nodes],
      initializers,
      inputs,
      outputs,
    },
  });
  if (message.size > MOST_BYTES)
    throw new OnnxError(
      `the file would have ${message.size} bytes, more than the 2 GiB that the format holds`,
      "onnxModel",
    );
  const ops = [...new Set(graph.nodes.map(({ type }) => type))].sort();
  return { parts: message.parts, size: message.size, inputs, outputs, ops };
}

function infoOf(
  { name, dtype, shape }: Program["inputs"][number],
  declared: { type?: ElementType; description?: string } = {},
): TensorInfo {
  const { type = dtype, description } = declared;
  return { name, type, shape, ...(description === undefined ? {} : { description }) };
}

/** Converts an input with another type in the file to the type of the computation. */
function castInputs(
  graph: GraphWriter,
  program: Program,
  names: ReadonlyMap<string, string>,
  inputs: readonly TensorInfo[],
): Map<string, string> {
  return new Map(
    program.inputs.map(({ name, dtype }) => {
      const given = names.get(name) ?? name;
      const type = inputs.find((input) => input.name === given)?.type ?? dtype;
      return [name, type === dtype ? given : graph.cast(given, dtype)];
    }),
  );
}

const dimension = (size: Size | undefined, output: string): number | string =>
  size === undefined ? `${output}_size` : typeof size === "number" ? size : sizeText(size);

const HALF = ".float16";
const isHalved = (tensor: Tensor): boolean => tensor.dtype === "float32";

function weightsOf(graph: GraphWriter, half: boolean): Initializer[] {
  return [...graph.parameters].map(([name, tensor]) =>
    scope(() => {
      const shape = tensor.shape;
      if (half && isHalved(tensor)) {
        // The engine returns half precision as float32; the bits are read as whole numbers of the same width.
        const bits = tensor.detach().to({ dtype: "float16", device: "cpu" }).contiguous().viewDtype("int16");
        return { name: name + HALF, type: "float16", shape, data: bytesOf(bits.toTypedArray()) };
      }
      return { name, type: tensor.dtype, shape, data: bytesOf(tensor.toTypedArray()) };
    }),
  );
}

/** Converts half-precision weights to float32 where they are used. */
function halved(graph: GraphWriter, half: boolean) {
  if (!half) return [];
  return [...graph.parameters]
    .filter(([, tensor]) => isHalved(tensor))
    .map(([name]) => ({
      type: "Cast",
      name: `cast_${name}`,
      inputs: [name + HALF],
      outputs: [name],
      attributes: { to: 1 },
    }));
}
