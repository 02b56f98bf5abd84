/** The errors of this package, without libtorch. */
export {
  ArgumentError,
  DistributedError,
  LibtorchNotFoundError,
  OutOfMemoryError,
  StateDictError,
  TensorDisposedError,
  TorchError,
} from "./errors.js";
export { CheckpointError } from "./weights/checkpoint-error.js";
