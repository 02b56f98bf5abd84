/** @slicestack/torch: libtorch for TypeScript. */
export {
  autocast,
  enableGrad,
  grad,
  isAutocastEnabled,
  isGradEnabled,
  noGrad,
  type AutocastOptions,
} from "./autograd.js";
export {
  autogradFunction,
  type AutogradFunction,
  type BackwardContext,
  type ForwardContext,
  type InputGradients,
} from "./autograd-function.js";
export {
  arange,
  empty,
  eye,
  fromTypedArray,
  full,
  linspace,
  mapFile,
  multinomial,
  ones,
  onesLike,
  rand,
  randint,
  randn,
  randperm,
  tensor,
  zeros,
  zerosLike,
} from "./creation.js";
export {
  ArgumentError,
  DistributedError,
  LibtorchNotFoundError,
  MappedFileError,
  OutOfMemoryError,
  StateDictError,
  TensorDisposedError,
  TorchError,
} from "./errors.js";
export * as functional from "./functional.js";
export { cat, oneHot, stack, where } from "./functional.js";
export {
  cudaDeviceCount,
  getNumThreads,
  hasMps,
  holdTf32,
  isTf32Allowed,
  libtorchInfo,
  releaseTf32,
  setConvolutionKernels,
  setNumThreads,
  setTf32,
  synchronize,
  type ConvolutionKernels,
  type CudaDevice,
  type LibtorchInfo,
} from "./library.js";
export { getGeneratorState, manualSeed, setGeneratorState } from "./random.js";
export { describeLiveTensors, liveBytes, liveTensors, Scope, scope } from "./scope.js";
export { Tensor } from "./tensor.js";
export type { TensorHandle } from "./tensor-handle.js";
export type { Handle } from "./native/addon.js";
export type { DType, MemoryFormat, TensorOptions, TypedArray } from "./types.js";
