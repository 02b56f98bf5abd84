/** The messages of an ONNX file, by the field numbers of onnx.proto (https://onnx.ai/onnx/api/classes.html). */
import type { DType } from "../types.js";
import { Message } from "./protobuf.js";

/** TensorProto.DataType */
export const ELEMENT_TYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
} as const satisfies Record<DType | "uint16", number>;
export type ElementType = keyof typeof ELEMENT_TYPES;

/** A whole number, several of them, a fraction, or a text. */
export type Attribute = number | readonly number[] | { float: number } | string;

export interface Node {
  type: string;
  name: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Readonly<Record<string, Attribute>>;
}

export interface Initializer {
  name: string;
  type: ElementType;
  shape: readonly number[];
  /** Little-endian, row-major. */
  data: Uint8Array;
}

/** An input or an output; a text in its shape names a size that may be any. */
export interface TensorInfo {
  name: string;
  type: ElementType;
  shape: readonly (number | string)[];
  description?: string;
}

export interface ModelParts {
  opset: number;
  producer: { name: string; version: string };
  description: string;
  metadata: Readonly<Record<string, string>>;
  graph: {
    name: string;
    nodes: readonly Node[];
    initializers: readonly Initializer[];
    inputs: readonly TensorInfo[];
    outputs: readonly TensorInfo[];
  };
}

/** The version of the file format that knows opset 18 and nothing later. */
const IR_VERSION = 8;

export function modelProto({ opset, producer, description, metadata, graph }: ModelParts): Message {
  const model = new Message().integer(1, IR_VERSION).text(2, producer.name).text(3, producer.version);
  model.text(6, description).message(7, graphProto(graph));
  model.message(8, new Message().text(1, "").integer(2, opset));
  for (const [key, value] of Object.entries(metadata))
    model.message(14, new Message().text(1, key).text(2, value));
  return model;
}

function graphProto({ name, nodes, initializers, inputs, outputs }: ModelParts["graph"]): Message {
  const graph = new Message();
  for (const node of nodes) graph.message(1, nodeProto(node));
  graph.text(2, name);
  for (const initializer of initializers) graph.message(5, tensorProto(initializer));
  for (const input of inputs) graph.message(11, infoProto(input));
  for (const output of outputs) graph.message(12, infoProto(output));
  return graph;
}

function nodeProto({ type, name, inputs, outputs, attributes }: Node): Message {
  const node = new Message();
  for (const input of inputs) node.text(1, input);
  for (const output of outputs) node.text(2, output);
  node.text(3, name).text(4, type);
  for (const [key, value] of Object.entries(attributes)) node.message(5, attributeProto(key, value));
  return node;
}

function attributeProto(name: string, value: Attribute): Message {
  const attribute = new Message().text(1, name);
  if (typeof value === "number") return attribute.integer(3, value).integer(20, 2);
  if (typeof value === "string") return attribute.text(4, value).integer(20, 3);
  if ("float" in value) return attribute.float(2, value.float).integer(20, 1);
  return attribute.integers(8, value).integer(20, 7);
}

function tensorProto({ name, type, shape, data }: Initializer): Message {
  return new Message().integers(1, shape).integer(2, ELEMENT_TYPES[type]).text(8, name).bytes(9, data);
}

function infoProto({ name, type, shape, description }: TensorInfo): Message {
  const dimensions = new Message();
  for (const size of shape)
    dimensions.message(
      1,
      typeof size === "number" ? new Message().integer(1, size) : new Message().text(2, size),
    );
  const tensor = new Message().integer(1, ELEMENT_TYPES[type]).message(2, dimensions);
  const info = new Message().text(1, name).message(2, new Message().message(1, tensor));
  return description === undefined ? info : info.text(3, description);
}
