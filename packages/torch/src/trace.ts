/**
 * @slicestack/torch/trace: what a computation consists of. `traceProducts` observes a real computation; `traceShapes`
 *   runs one with shapes alone, which needs no memory, hardly any time and no libtorch, so it may be of any size.
 */
import { ArgumentError } from "./errors.js";
import type { Addon, Handle } from "./native/addon.js";
import { native, withAddon } from "./native/load.js";
import { scope } from "./scope.js";
import { layerRules, multiplyAdds, valueRules, type ProductName } from "./trace/compute.js";
import { GhostEngine } from "./trace/engine.js";
import { memoryRules } from "./trace/memory.js";
import { viewRules } from "./trace/views.js";

/** An op made of multiply-adds. Ops that add or compare values elementwise do not count. */
export interface Product {
  op: ProductName;
  /** Shapes of x and of the weight (or the other factor); for a GRU, of x and of the hidden state. */
  inputs: number[][];
  output: number[];
  multiplyAdds: number;
}

export interface Traced<T> {
  result: T;
  products: Product[];
}

const names: ReadonlySet<string> = new Set<ProductName>([
  "linear",
  "matmul",
  "bmm",
  "scaledDotProductAttention",
  "conv1d",
  "conv2d",
  "conv3d",
  "gru",
]);
const isProduct = (name: string | symbol): name is ProductName => typeof name === "string" && names.has(name);

/** Runs a synchronous `body` and records every product that it computes, except in backward passes. */
export function traceProducts<T>(body: () => T): Traced<T> {
  return traced(native(), body);
}

/**
 * Runs `body` with tensors that have a shape but no values: it may create and run models of any size.
 * Reading values throws ArgumentError, and so does an op without a shape rule. Tensors from outside cannot be used
 * inside, and vice versa. Models created inside must be disposed inside.
 * @returns peakBytes: the largest total size of live tensors, as counted by `liveBytes()`
 */
export function traceShapes<T>(body: () => T): Traced<T> & { peakBytes: number } {
  const engine = new GhostEngine();
  const rules: Partial<Addon> = {
    ...memoryRules(engine),
    ...viewRules(engine),
    ...valueRules(engine),
    ...layerRules(engine),
  };
  const addon = new Proxy(rules, {
    get(target, name) {
      if (typeof name === "string" && Object.hasOwn(target, name))
        return Reflect.get(target, name) as unknown;
      throw new ArgumentError("has no shape rule; it cannot be traced", String(name));
    },
  }) as Addon;
  return { ...traced(addon, () => scope(body)), peakBytes: engine.peakBytes };
}

function traced<T>(addon: Addon, body: () => T): Traced<T> {
  const products: Product[] = [];
  const watch = new Proxy(addon, {
    get(target, name) {
      const call = Reflect.get(target, name) as (...args: unknown[]) => Handle | Handle[];
      if (!isProduct(name)) return call;
      return (x: Handle, weight: Handle, ...more: unknown[]) => {
        const inputs = [target.shapeOf(x), target.shapeOf(weight)];
        const made = call(x, weight, ...more);
        const output = target.shapeOf(Array.isArray(made) ? (made[0] ?? -1) : made);
        products.push({ op: name, inputs, output, multiplyAdds: multiplyAdds(name, inputs, output) });
        return made;
      };
    },
  });
  const result = withAddon(watch, body);
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw new ArgumentError("expected a synchronous body, received a Promise", "traceProducts");
  }
  return { result, products };
}
