/** Rules for creating, keeping and freeing tensors in a shape trace, where values cannot be read. */
import { ArgumentError } from "../errors.js";
import type { Addon, Handle } from "../native/addon.js";
import type { DType } from "../types.js";
import { isContiguous, type GhostEngine } from "./engine.js";

function noValues(op: string): never {
  throw new ArgumentError("there are no values while shapes are traced", op);
}

export function memoryRules(engine: GhostEngine): Partial<Addon> {
  const made = (shape: number[], dtype: DType): Handle => engine.fresh(shape, dtype);
  const nothing = () => undefined;
  return {
    dispose: (handles) => handles.forEach((handle) => engine.dispose(handle)),
    isAlive: (x) => engine.has(x),
    beginScope: () => engine.beginScope(),
    endScope: (id, survivors) => engine.endScope(id, survivors),
    keep: (x) => engine.keep(x),
    scopeDepth: () => engine.depth,
    liveTensors: () => engine.count,
    liveBytes: () => engine.bytes,
    shapeOf: (x) => [...engine.get(x).shape],
    strideOf: (x) => [...engine.get(x).stride],
    dtypeOf: (x) => engine.get(x).dtype,
    deviceOf: (x) => engine.get(x).device,
    isContiguous: (x) => isContiguous(engine.get(x)),
    toTypedArray: () => noValues("toTypedArray"),
    item: () => noValues("item"),

    empty: made,
    zeros: made,
    ones: made,
    rand: made,
    randn: made,
    full: (shape, _value, dtype) => made(shape, dtype),
    randint: (_low, _high, shape, dtype) => made(shape, dtype),
    fromTypedArray: (_data, shape, dtype) => made(shape, dtype),
    arange: (start, end, step, dtype) => made([Math.max(0, Math.ceil((end - start) / step))], dtype),
    linspace: (_start, _end, steps, dtype) => made([steps], dtype),
    eye: (n, dtype) => made([n, n], dtype),

    uniform_: nothing,
    normal_: nothing,
    fill_: nothing,
    add_: nothing,
    mul_: nothing,
    lerp_: nothing,
    copy_: nothing,
    manualSeed: nothing,
    getGeneratorState: () => made([1], "uint8"),
    setGeneratorState: nothing,

    requiresGrad: (x) => engine.get(x).requiresGrad,
    setRequiresGrad: (x, requiresGrad) => void (engine.get(x).requiresGrad = requiresGrad),
    zeroGrad: nothing,
    isGradEnabled: () => engine.gradEnabled,
    setGradEnabled: (enabled) => {
      const before = engine.gradEnabled;
      engine.gradEnabled = enabled;
      return before;
    },
  };
}
