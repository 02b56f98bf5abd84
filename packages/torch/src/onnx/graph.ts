/** Writes the nodes of an ONNX graph. Names of nodes and tensors are unique. */
import type { Tensor } from "../tensor.js";
import type { DType, TypedArray } from "../types.js";
import type { SizedTensor } from "./call.js";
import {
  ELEMENT_TYPES,
  type Attribute,
  type ElementType,
  type Initializer,
  type Node,
} from "./model-proto.js";
import { OnnxError } from "./onnx-error.js";
import type { Size } from "./size.js";
import type { Value } from "./values.js";

/** Where a symbol's size is read: an axis of a tensor in the graph. */
interface Axis {
  tensor: string;
  axis: number;
}

export class GraphWriter {
  readonly nodes: Node[] = [];
  readonly initializers: Initializer[] = [];
  /** Parameters that nodes use, by their names. */
  readonly parameters = new Map<string, Tensor>();
  /** Constants by their content, so that each is stored once. */
  readonly #constants = new Map<string, string>();
  #names = new Map<string, string>();
  #symbols = new Map<string, Axis>();
  #sizes = new Map<string, string>();
  #count = 0;

  /** Begins a computation: the names of its inputs in this graph, and where its sizes are read. */
  begin(inputs: ReadonlyMap<string, string>, symbols: ReadonlyMap<string, Axis>): void {
    this.#names = new Map([...inputs].map(([input, name]) => [`input ${input}`, name]));
    this.#symbols = new Map(symbols);
    this.#sizes = new Map();
  }

  bind(value: Value, name: string): void {
    this.#names.set(`${value.kind} ${value.name}`, name);
  }

  /** @param tensor a parameter of this name is kept for the file */
  bindParameter(value: Value, name: string, tensor: Tensor): void {
    this.bind(value, name);
    this.parameters.set(name, tensor);
  }

  /** The name of a tensor of the computation. */
  name({ value }: Pick<SizedTensor, "value">): string {
    const name = this.#names.get(`${value.kind} ${value.name}`);
    if (name === undefined) throw new OnnxError(`${value.kind} ${value.name} has no name yet`, "graph");
    return name;
  }

  /** A node with one output. @returns its name */
  node(type: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}): string {
    return this.nodeOutputs(type, inputs, attributes, 1)[0]!;
  }

  /** A node with several outputs. */
  nodeOutputs(
    type: string,
    inputs: readonly string[],
    attributes: Record<string, Attribute>,
    count: number,
  ): string[] {
    const name = `${type}_${this.#count++}`;
    const outputs = Array.from({ length: count }, (_, k) => (count === 1 ? name : `${name}_${k}`));
    this.nodes.push({ type, name: `node_${name}`, inputs, outputs, attributes });
    return outputs;
  }

  constant(values: readonly (number | bigint)[], shape: readonly number[], type: ElementType): string {
    const key = `${type} ${shape.join(",")} ${values.map((value) => (Object.is(value, -0) ? "-0" : value)).join(",")}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = `constant_${this.#constants.size}`;
    this.#constants.set(key, name);
    this.initializers.push({ name, type, shape, data: bytesOf(typedArray(values, type)) });
    return name;
  }

  scalar(value: number, type: ElementType): string {
    return this.constant([value], [], type);
  }

  /** Whole numbers as a tensor of one dimension, int64. */
  integers(values: readonly number[]): string {
    return this.constant(values, [values.length], "int64");
  }

  /** Like `integers`, for sizes that may be known only when the graph runs. */
  sizes(sizes: readonly Size[]): string {
    if (sizes.every((size) => typeof size === "number")) return this.integers(sizes);
    return this.node(
      "Concat",
      sizes.map((size) => this.#size(size)),
      { axis: 0 },
    );
  }

  /** A size as a tensor without dimensions. */
  sizeScalar(size: Size, type: ElementType): string {
    if (typeof size === "number") return this.scalar(size, type);
    const scalar = this.node("Squeeze", [this.#size(size), this.integers([0])]);
    return type === "int64" ? scalar : this.cast(scalar, type);
  }

  cast(name: string, type: ElementType): string {
    return this.node("Cast", [name], { to: ELEMENT_TYPES[type] });
  }

  /** A tensor of the computation, converted to a type if it has another one. */
  as(tensor: SizedTensor, dtype: DType): string {
    return tensor.dtype === dtype ? this.name(tensor) : this.cast(this.name(tensor), dtype);
  }

  /** A size as a tensor of shape [1], int64. */
  #size(size: Size): string {
    if (typeof size === "number") return this.integers([size]);
    const { symbols, factor, offset, most } = size;
    const key = JSON.stringify(size);
    const known = this.#sizes.get(key);
    if (known !== undefined) return known;
    let name = symbols.map((symbol) => this.#symbol(symbol)).reduce((a, b) => this.node("Mul", [a, b]));
    if (factor !== 1) name = this.node("Mul", [name, this.integers([factor])]);
    if (offset !== 0) name = this.node("Add", [name, this.integers([offset])]);
    if (most !== null) name = this.node("Min", [name, this.integers([most])]);
    this.#sizes.set(key, name);
    return name;
  }

  #symbol(symbol: string): string {
    const known = this.#sizes.get(symbol);
    if (known !== undefined) return known;
    const place = this.#symbols.get(symbol);
    if (place === undefined) throw new OnnxError(`the size ${symbol} does not belong to any input`, "graph");
    const { tensor, axis } = place;
    const name = this.node("Shape", [tensor], { start: axis, end: axis + 1 });
    this.#sizes.set(symbol, name);
    return name;
  }
}

/** The bytes of a typed array, not copied. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: TypedArray | Uint16Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function typedArray(values: readonly (number | bigint)[], type: ElementType): TypedArray | Uint16Array {
  const numbers = () => values.map(Number);
  switch (type) {
    case "float32":
      return Float32Array.from(numbers());
    case "float64":
      return Float64Array.from(numbers());
    case "int64":
      return BigInt64Array.from(values, BigInt);
    case "int32":
      return Int32Array.from(numbers());
    case "int16":
      return Int16Array.from(numbers());
    case "uint16":
      return Uint16Array.from(numbers());
    case "int8":
      return Int8Array.from(numbers());
    case "uint8":
    case "bool":
      return Uint8Array.from(numbers());
    default:
      throw new OnnxError(`constants of type ${type} are not supported`, "graph");
  }
}
