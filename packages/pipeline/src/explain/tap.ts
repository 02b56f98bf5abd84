/** Records the outputs of a layer while the model runs. */
import type { Tensor } from "@slicestack/torch";
import type { Layer, Module } from "@slicestack/torch/nn";

/** Runs `body`, and collects the output of every call of `layer`. The layer is restored at the end. */
export function recordOutputs<T>(layer: Module, body: () => T): { result: T; outputs: Tensor[] } {
  const plain = (layer as Layer).forward.bind(layer);
  const outputs: Tensor[] = [];
  const value = (...inputs: Parameters<typeof plain>) => {
    const output = plain(...inputs);
    outputs.push(output);
    return output;
  };
  // Not enumerable, because a module's enumerable fields are its submodules.
  Object.defineProperty(layer, "forward", { value, configurable: true, enumerable: false });
  try {
    return { result: body(), outputs };
  } finally {
    Reflect.deleteProperty(layer, "forward");
  }
}
