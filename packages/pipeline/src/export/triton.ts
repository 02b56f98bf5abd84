/** Writes the configuration of a model for the Triton inference server (model_config.proto in text form). */
import type { ElementType, TensorInfo } from "@slicestack/torch/onnx";
import type { ExportedOnnx } from "./onnx.js";

const TYPES: Partial<Record<ElementType, string>> = {
  float32: "TYPE_FP32",
  int16: "TYPE_INT16",
  uint16: "TYPE_UINT16",
  uint8: "TYPE_UINT8",
  bool: "TYPE_BOOL",
};

/** The most volumes in a batch, and how long the server waits for them. */
const BATCH = 8;
const WAIT_MICROSECONDS = 5000;

/**
 * Requests whose volumes have equal shapes are computed together. A model that takes one volume at a time has no
 * batches.
 * @param name name of the model, which is that of its folder in the repository
 */
export function tritonConfig(name: string, { inputs, outputs, metadata, volumes }: ExportedOnnx): string {
  const batches = volumes.kind === "any";
  const tensor = ({ name, type, shape }: TensorInfo) => {
    const dims = (batches ? shape.slice(1) : shape).map((size) => (typeof size === "number" ? size : -1));
    return `  {\n    name: ${quoted(name)}\n    data_type: ${TYPES[type] ?? "TYPE_FP32"}\n    dims: [ ${dims.join(", ")} ]\n  }`;
  };
  const parameters = Object.entries(metadata).map(
    ([key, value]) => `parameters {\n  key: ${quoted(key)}\n  value { string_value: ${quoted(value)} }\n}`,
  );
  return [
    `name: ${quoted(name)}`,
    `backend: "onnxruntime"`,
    `max_batch_size: ${batches ? BATCH : 0}`,
    `input [\n${inputs.map(tensor).join(",\n")}\n]`,
    `output [\n${outputs.map(tensor).join(",\n")}\n]`,
    ...(batches ? [`dynamic_batching {\n  max_queue_delay_microseconds: ${WAIT_MICROSECONDS}\n}`] : []),
    ...parameters,
    "",
  ].join("\n");
}

const quoted = (text: string): string => JSON.stringify(text);
