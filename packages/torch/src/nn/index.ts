/** @slicestack/torch/nn: modules and layers with PyTorch's names, state dicts and initialisation. */
export { GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh } from "./activation.js";
export { MultiheadAttention, type AttentionOptions } from "./attention.js";
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  type BatchNorm,
  type BatchNormLayerOptions,
} from "./batch-norm.js";
export { Conv1d, Conv2d, Conv3d, type ConvOptions } from "./conv.js";
export { Dropout, Dropout2d, Dropout3d } from "./dropout.js";
export { Embedding } from "./embedding.js";
export { Flatten, Identity } from "./flatten.js";
export { GroupNorm } from "./group-norm.js";
export { GRU, type GRUOptions } from "./gru.js";
export * as init from "./init.js";
export { LayerNorm } from "./layer-norm.js";
export { Linear } from "./linear.js";
export type { ForwardHook, ForwardPreHook } from "./hooks.js";
export { Module, type Layer, type LoadedKeys, type ModuleToOptions } from "./module.js";
export { ModuleBuffer, Parameter } from "./parameter.js";
export {
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  AvgPool2d,
  AvgPool3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  type AvgPoolOptions,
} from "./pooling.js";
export { ModuleList, Sequential } from "./sequential.js";
export { convertSyncBatchNorm, SyncBatchNorm } from "./sync-batch-norm.js";
export {
  TransformerEncoder,
  TransformerEncoderLayer,
  type TransformerInput,
  type TransformerLayerOptions,
  type TransformerOptions,
} from "./transformer.js";
