/**
 * Module: a model or a part of one. Its fields are its registry, and their names are the names in PyTorch's state
 * dicts.
 */
import { checkMap } from "../checks.js";
import { noGrad } from "../autograd.js";
import { ArgumentError, StateDictError } from "../errors.js";
import { native } from "../native/load.js";
import type { Tensor } from "../tensor.js";
import type { DType, MemoryFormat } from "../types.js";
import { factsOf } from "./facts.js";
import { addHook, type ForwardHook, type ForwardPreHook } from "./hooks.js";
import { ModuleBuffer, Parameter } from "./parameter.js";

/** A module from one tensor to one tensor, which Sequential can chain. */
export type Layer = Module & { forward(x: Tensor): Tensor };

export interface ModuleToOptions {
  /** Applies to floating parameters and buffers; counts remain int64. */
  dtype?: DType;
  device?: string;
  /** `channels_last` only affects 4-dimensional parameters, `channels_last_3d` only 5-dimensional ones. */
  memoryFormat?: MemoryFormat;
}

export interface LoadedKeys {
  missing: string[];
  unexpected: string[];
  misshapen: string[];
}

export abstract class Module implements Disposable {
  /** Whether dropout is active and batch norm uses the statistics of the batch. Set by `train()` and `eval()`. */
  training = true;

  /** The named fields that may hold parameters, buffers and modules; containers override it to name their items. */
  protected registry(): Iterable<[string, unknown]> {
    return Object.entries(this);
  }

  /** The modules directly inside this one, by field name. */
  get children(): Map<string, Module> {
    return this.#current(isModule);
  }

  /**
   * Replaces a child by another module, for conversions of a whole model. @throws ArgumentError where there is no such
   * child
   */
  replaceChild(name: string, module: Module): void {
    if (!this.children.has(name))
      throw new ArgumentError(`name: there is no child '${name}'`, this.constructor.name);
    this.setChild(name, module);
  }

  /** Must be overridden together with `registry()`. */
  protected setChild(name: string, module: Module): void {
    Object.assign(this, { [name]: module });
  }

  /** This module (named by the prefix) and all inside it, depth first; a module that is used twice appears once. */
  namedModules(prefix = ""): Map<string, Module> {
    const modules = new Map<string, Module>();
    const seen = new Set<Module>();
    this.#visit(prefix, (name, module) => {
      if (!seen.has(module)) modules.set(name, module);
      seen.add(module);
    });
    return modules;
  }

  /** All parameters in PyTorch's order; a parameter that is used twice appears once, under its first name. */
  namedParameters(): Map<string, Parameter> {
    return this.#gather(isParameter);
  }

  /** All parameters in PyTorch's order, for an optimiser. */
  parameters(): Parameter[] {
    return [...this.namedParameters().values()];
  }

  /** All buffers: running statistics and counts. */
  namedBuffers(): Map<string, ModuleBuffer> {
    return this.#gather(isBuffer);
  }

  /** Number of values in all parameters, or in the trainable ones. */
  parameterCount({ trainableOnly = false } = {}): number {
    const counted = this.parameters().filter((parameter) => !trainableOnly || parameter.requiresGrad);
    return counted.reduce((sum, parameter) => sum + parameter.numel, 0);
  }

  /** Sets the training mode of this module and of every module inside. */
  train(mode = true): this {
    for (const module of this.namedModules().values()) module.training = mode;
    return this;
  }

  /** Evaluation mode: the same as `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /** Whether the parameters require gradients: `requiresGrad_(false)` freezes the module. */
  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(requiresGrad);
    return this;
  }

  /** Removes all gradients. */
  zeroGrad(): void {
    native().zeroGrad(this.parameters().map((parameter) => parameter.handle));
  }

  /**
   * Parameters and buffers by PyTorch's names and in its order, as second handles without gradient to the same memory.
   * The handles belong to the caller: to the enclosing scope, or to be disposed. Clone them for a copy that training
   * does not change.
   */
  stateDict(): Map<string, Tensor> {
    return new Map([...this.#state()].map(([name, tensor]) => [name, tensor.detach()]));
  }

  /**
   * Loads values, converted to each parameter's dtype and device. If it throws, nothing is changed.
   * @param strict false: loads the keys that match, and returns the others
   * @throws StateDictError which lists missing, unexpected and misshapen keys
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>, { strict = true } = {}): LoadedKeys {
    checkMap("state", state, "loadStateDict");
    const current = this.#state();
    const fits = (name: string, tensor: Tensor) => sameShape(tensor.shape, current.get(name)?.shape ?? []);
    const missing = [...current]
      .filter(([name, tensor]) => !state.has(name) && !mayBeMissing(tensor))
      .map(([name]) => name);
    const unexpected = [...state.keys()].filter((name) => !current.has(name));
    const misshapen = [...state]
      .filter(([name, tensor]) => current.has(name) && !fits(name, tensor))
      .map(([name]) => name);
    if (strict && missing.length + unexpected.length + misshapen.length > 0) {
      const shapes = misshapen.map(
        (name) =>
          `${name} (expected ${shapeText(current.get(name))}, received ${shapeText(state.get(name))})`,
      );
      throw new StateDictError(missing, unexpected, shapes);
    }
    const taken = [...state].filter(([name]) => current.has(name) && !misshapen.includes(name));
    noGrad(() => taken.forEach(([name, tensor]) => current.get(name)?.copy_(tensor)));
    return { missing, unexpected, misshapen };
  }

  /**
   * Moves and converts in place: parameters remain the same leaves, so an optimiser keeps them. Gradients are removed.
   * Change dtype or device before the optimiser's first step, because its state is not converted.
   */
  to({ dtype, device, memoryFormat }: ModuleToOptions): this {
    this.zeroGrad();
    for (const tensor of new Set(this.#state().values())) {
      const floating = /^(float|bfloat)/.test(tensor.dtype);
      const laidOut = memoryFormat !== undefined && takesFormat(tensor.dim, memoryFormat);
      const moved = noGrad(() =>
        tensor.to({
          ...(device === undefined ? {} : { device }),
          ...(dtype === undefined || !floating ? {} : { dtype }),
          ...(laidOut ? { memoryFormat } : {}),
        }),
      );
      tensor.setData(moved);
      moved.dispose();
    }
    return this;
  }

  /**
   * Calls `hook` after every `forward` of this module, in the order of registration.
   * @returns an object whose disposal removes the hook
   */
  registerForwardHook(hook: ForwardHook<this>): Disposable {
    return addHook(this, "after", hook as ForwardHook);
  }

  /** Calls `hook` before every `forward` of this module. @returns an object whose disposal removes the hook */
  registerForwardPreHook(hook: ForwardPreHook<this>): Disposable {
    return addHook(this, "before", hook as ForwardPreHook);
  }

  /** Frees all parameters and buffers, including gradients; the module cannot be used afterwards. */
  dispose(): void {
    for (const tensor of this.#state().values()) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The tree of modules, each with its settings and the shapes of its tensors. */
  toString(): string {
    const children = [...this.children].map(([name, child]) =>
      `(${name}): ${String(child)}`.replaceAll("\n", "\n  "),
    );
    const facts = factsOf(new Map([...Object.entries(this), ...this.registry()])).join(", ");
    const name = this.constructor.name;
    return children.length === 0 ? `${name}(${facts})` : `${name}(${facts}\n  ${children.join("\n  ")}\n)`;
  }
  /** For console.log. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  #current<T>(is: (value: unknown) => value is T): Map<string, T> {
    const values = new Map<string, T>();
    for (const [name, value] of this.registry()) if (is(value)) values.set(name, value);
    return values;
  }

  // A shared module is visited under each of its names.
  #visit(prefix: string, visitor: (name: string, module: Module) => void): void {
    visitor(prefix, this);
    for (const [name, child] of this.children) child.#visit(join(prefix, name), visitor);
  }

  #gather<T>(is: (value: unknown) => value is T): Map<string, T> {
    const values = new Map<string, T>();
    const seen = new Set<T>();
    this.#visit("", (prefix, module) => {
      for (const [name, value] of module.#current(is)) {
        if (!seen.has(value)) values.set(join(prefix, name), value);
        seen.add(value);
      }
    });
    return values;
  }

  #state(): Map<string, Parameter | ModuleBuffer> {
    const state = new Map<string, Parameter | ModuleBuffer>();
    this.#visit("", (prefix, module) => {
      for (const [name, parameter] of module.#current(isParameter)) state.set(join(prefix, name), parameter);
      for (const [name, buffer] of module.#current(isBuffer)) state.set(join(prefix, name), buffer);
    });
    return state;
  }
}

const isModule = (value: unknown): value is Module => value instanceof Module;
const isParameter = (value: unknown): value is Parameter => value instanceof Parameter;
const isBuffer = (value: unknown): value is ModuleBuffer => value instanceof ModuleBuffer;
const join = (prefix: string, name: string) => (prefix === "" ? name : `${prefix}.${name}`);
const mayBeMissing = (tensor: Tensor) => tensor instanceof ModuleBuffer && tensor.optional;
const sameShape = (a: number[], b: number[]) => a.length === b.length && a.every((size, k) => size === b[k]);
const shapeText = (tensor: Tensor | undefined) => `[${tensor?.shape.join(", ") ?? ""}]`;

function takesFormat(dim: number, format: MemoryFormat): boolean {
  if (format === "channels_last") return dim === 4;
  if (format === "channels_last_3d") return dim === 5;
  return true;
}
