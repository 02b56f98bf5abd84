/** Looks at what a layer of a model gives while the model runs. */
import type { Tensor } from "@slicestack/torch";
import type { Layer, Module } from "@slicestack/torch/nn";

/** Runs `body`, and collects what `layer` gives on the way, once a call. The layer is as before at the end. */
export function tapped<T>(layer: Module, body: () => T): { result: T; outputs: Tensor[] } {
  const called = layer as Layer;
  const forward = called.forward.bind(called);
  const outputs: Tensor[] = [];
  const value = (...inputs: Parameters<Layer["forward"]>) => {
    const output = forward(...inputs);
    outputs.push(output);
    return output;
  };
  // Not enumerable: a module's enumerable fields are its parts.
  Object.defineProperty(layer, "forward", { value, configurable: true, enumerable: false });
  try {
    return { result: body(), outputs };
  } finally {
    Reflect.deleteProperty(layer, "forward");
  }
}
