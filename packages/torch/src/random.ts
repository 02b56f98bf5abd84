/**
 * Random numbers of this thread. Each thread has a separate CPU generator; the CUDA generators belong to the process.
 */
import { native } from "./native/load.js";
import { wrap, type Tensor } from "./tensor.js";

/** The same seed gives the same draws as PyTorch's `torch.manual_seed`. */
export function manualSeed(seed: number): void {
  native().manualSeed(seed);
}
/** The state as a uint8 tensor, to be stored and passed to `setGeneratorState` later. */
export function getGeneratorState(device = "cpu"): Tensor {
  return wrap(native().getGeneratorState(device));
}
export function setGeneratorState(state: Tensor, device = "cpu"): void {
  native().setGeneratorState(state.handle, device);
}
