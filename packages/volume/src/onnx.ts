/**
 * Predicts scans with a graph that `slicestack export --to onnx` wrote, in browsers and on Node, without libtorch:
 * docs/how-to/use-in-a-browser.md.
 */
export { OnnxModelError } from "./onnx/error.js";
export {
  findScans,
  type ChosenFile,
  type ChosenScan,
  type ChosenScans,
  type ReadScanOptions,
} from "./onnx/find-scans.js";
export { loadReaders } from "./onnx/load-readers.js";
export { onnxMetadata } from "./onnx/metadata.js";
export { graphFacts, type GraphFacts, type GraphSets, type GraphThreshold } from "./onnx/model-facts.js";
export {
  OnnxPredictor,
  type OnnxResult,
  type OnnxScanResult,
  type PredictChosenOptions,
  type PredictScanOptions,
} from "./onnx/predictor.js";
export type { OnnxRuntime, OnnxSession, OnnxTensor } from "./onnx/runtime.js";
export type { SliceWeight } from "./onnx/slice-weights.js";
