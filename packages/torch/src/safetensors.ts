/** @slicestack/torch/safetensors: weights in files that the Python package safetensors reads and writes. */
export { CheckpointError } from "./weights/checkpoint-error.js";
export { loadFile, safetensorsBytes, saveFile, type Safetensors } from "./weights/safetensors.js";
export { codeOf, readHeader } from "./weights/safetensors-header.js";
export {
  contiguousStride,
  itemBytes,
  readTensors,
  Storage,
  StoredTensor,
  viewProblem,
} from "./weights/stored-tensor.js";
export { messageOf, WeightsFile } from "./weights/weights-file.js";
