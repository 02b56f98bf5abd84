/** Containers, whose items are named 0, 1, 2, … in the state dict. */
import { listed } from "../checks.js";
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import { Module, type Layer } from "./module.js";

/** A list of modules, which its owner calls as needed. */
export class ModuleList<T extends Module = Module> extends Module implements Iterable<T> {
  readonly #items: T[];

  constructor(items: Iterable<T> = []) {
    super();
    this.#items = listed("items", items, new.target.name);
    this.#items.forEach((item: unknown, k) => {
      if (!(item instanceof Module))
        throw new ArgumentError(
          `items: expected a Module at index ${k}, received ${typeof item}`,
          new.target.name,
        );
    });
  }
  get length(): number {
    return this.#items.length;
  }
  at(index: number): T | undefined {
    return this.#items.at(index);
  }
  push(...items: T[]): this {
    this.#items.push(...items);
    return this;
  }
  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]();
  }
  protected override registry(): Iterable<[string, unknown]> {
    return this.#items.map((item, k) => [String(k), item]);
  }
  protected override setChild(name: string, module: Module): void {
    this.#items[Number(name)] = module as T; // the caller guarantees the type, as in every conversion
  }
}

/** Applies each layer to the output of the previous one; without layers it is the identity. */
export class Sequential extends ModuleList<Layer> {
  /** @param layers as separate arguments, or as a single list */
  constructor(...layers: Layer[] | [Iterable<Layer>]) {
    const [first] = layers;
    super(
      layers.length === 1 && first !== undefined && !(first instanceof Module) ? first : (layers as Layer[]),
    );
    for (const [k, layer] of [...this].entries())
      if (typeof (layer as Partial<Layer>).forward !== "function")
        throw new ArgumentError(
          `layers: expected a layer with forward(x) at index ${k}, received one without`,
          "Sequential",
        );
  }
  forward(x: Tensor): Tensor {
    let y = this.length === 0 ? x.alias() : x;
    for (const layer of this) y = layer.forward(y);
    return y;
  }
}
