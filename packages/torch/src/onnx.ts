/**
 * @slicestack/torch/onnx: an ONNX graph from a computation, written by recording the calls of the engine. There is no
 *   second forward pass that could differ from the first. Nothing is recorded, and nothing costs time, unless one of these
 *   functions is called.
 */
export { onnxModel, type OnnxModel, type OnnxOptions } from "./onnx/onnx-model.js";
export { type ElementType, type TensorInfo } from "./onnx/model-proto.js";
export { OnnxError } from "./onnx/onnx-error.js";
export { defaultSizes, recordProgram, type Program } from "./onnx/program.js";
export { type ProgramInput, type Recordable } from "./onnx/record.js";
export { supportedOps } from "./onnx/rules/rules.js";
export { type Sizes } from "./onnx/size.js";
