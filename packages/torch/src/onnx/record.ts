/** Records the calls of the engine while a computation runs on tensors of one size. */
import { noGrad } from "../autograd.js";
import { ones } from "../creation.js";
import { ArgumentError } from "../errors.js";
import type { Addon, Handle } from "../native/addon.js";
import { native, withAddon } from "../native/load.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import type { DType } from "../types.js";
import { OnnxError } from "./onnx-error.js";
import { ruleOf } from "./rules/rules.js";
import type { Sizes } from "./size.js";
import type { Argument, RecordedCall, Recording, TensorFacts, Value } from "./values.js";

/** An input of a computation. */
export interface ProgramInput {
  name: string;
  dtype: DType;
  /** A text names a size that may be any; equal names are equal sizes. */
  shape: readonly (number | string)[];
}

export interface Recordable {
  inputs: readonly ProgramInput[];
  /** The computation, in evaluation mode. It is run once for each of the sizes. */
  run: (inputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>;
  /** Tensors from outside that it uses, by their names in the graph. */
  parameters: ReadonlyMap<string, Tensor>;
}

/** Questions about tensors, and housekeeping, which compute nothing. */
const SILENT: ReadonlySet<string> = new Set<keyof Addon>([
  "beginScope",
  "endScope",
  "keep",
  "dispose",
  "isAlive",
  "scopeDepth",
  "liveTensors",
  "liveBytes",
  "describeLive",
  "shapeOf",
  "strideOf",
  "dtypeOf",
  "deviceOf",
  "isContiguous",
  "memoryFormatOf",
  "setGradEnabled",
  "isGradEnabled",
  "requiresGrad",
  "isLeaf",
  "isAutocastEnabled",
  "enterAutocast",
  "leaveAutocast",
  "getNumThreads",
  "version",
]);
/** Ops that read values: later calls may depend on them, so the recording would be valid only for these values. */
const READING: ReadonlySet<string> = new Set<keyof Addon>(["item", "toTypedArray"]);

/** @throws OnnxError for an op without a rule, and for a computation that reads values */
export function record({ inputs, run, parameters }: Recordable, sizes: Sizes): Recording {
  return scope(() =>
    noGrad(() => {
      const given = new Map(
        inputs.map((input) => [input.name, ones(shapeAt(input, sizes), { dtype: input.dtype })]),
      );
      const recorder = new Recorder(native(), given, parameters);
      const result = withAddon(recorder.addon, () => run(Object.fromEntries(given)));
      if (result instanceof Promise) {
        result.catch(() => undefined);
        throw new ArgumentError("expected a synchronous computation, received a Promise", "record");
      }
      const outputs = new Map(
        Object.entries(result).map(([name, tensor]) => [name, recorder.facts(tensor.handle)]),
      );
      return { sizes, calls: recorder.calls, outputs };
    }),
  );
}

function shapeAt({ name, shape }: ProgramInput, sizes: Sizes): number[] {
  return shape.map((size) => {
    const value = typeof size === "number" ? size : sizes[size];
    if (value === undefined)
      throw new OnnxError(`input ${name}: no value is given for the size ${String(size)}`);
    return value;
  });
}

class Recorder {
  readonly calls: RecordedCall[] = [];
  readonly addon: Addon;
  readonly #real: Addon;
  readonly #values = new Map<Handle, Value>();
  #made = 0;

  constructor(real: Addon, inputs: ReadonlyMap<string, Tensor>, parameters: ReadonlyMap<string, Tensor>) {
    this.#real = real;
    for (const [name, { handle }] of parameters) this.#values.set(handle, { kind: "parameter", name });
    for (const [name, { handle }] of inputs) this.#values.set(handle, { kind: "input", name });
    this.addon = new Proxy(real, { get: (target, name) => this.#observed(target, String(name)) });
  }

  /** @throws OnnxError for a tensor that is neither an input, nor a parameter, nor made within the recording */
  facts(handle: Handle, op = "record"): TensorFacts {
    const value = this.#values.get(handle);
    if (value !== undefined)
      return { value, shape: this.#real.shapeOf(handle), dtype: this.#real.dtypeOf(handle) };
    const shape = `[${this.#real.shapeOf(handle).join(", ")}]`;
    throw new OnnxError(
      `a tensor of shape ${shape} is neither an input nor a parameter; name it among the parameters`,
      op,
    );
  }

  #observed(addon: Addon, op: string): unknown {
    const call = Reflect.get(addon, op) as (...given: unknown[]) => unknown;
    if (SILENT.has(op)) return call;
    if (READING.has(op))
      return (handle: Handle) => {
        if (this.#values.get(handle)?.kind !== "parameter")
          throw new OnnxError("reads values, on which the rest of the computation may depend", op);
        return call(handle);
      };
    return (...given: unknown[]) => {
      const positions = ruleOf(op).tensors(given);
      const received = given.map((value, k) =>
        positions.includes(k) ? this.#tensors(value, op) : { plain: value },
      );
      const returned = call(...given);
      const outputs = [returned].flat().map((handle) => this.#output(handle as Handle));
      this.calls.push({ op, arguments: received, outputs });
      return returned;
    };
  }

  #tensors(value: unknown, op: string): Argument {
    const isList = Array.isArray(value);
    const handles = [value].flat().filter((handle) => handle !== null && handle !== undefined) as Handle[];
    return { tensors: handles.map((handle) => this.facts(handle, op)), isList };
  }

  #output(handle: Handle): TensorFacts {
    this.#values.set(handle, { kind: "made", name: String(this.#made++) });
    return this.facts(handle);
  }
}
