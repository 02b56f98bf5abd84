/** The state of unpickling: stack, marks and memo, all checked, and a limit on the number of instructions. */
import type { PickleBytes } from "./pickle-bytes.js";
import { allowedGlobal } from "./globals.js";
import { Callable, NumpyType, PickleFault, Tuple, type PickleValue } from "./pickle-values.js";

/** The limit in instructions. A tensor takes about 40, so that this corresponds to fifty thousand tensors. */
const mostWork = 2_000_000;
const dictWork = 16;

export class Machine {
  #stack: PickleValue[] = [];
  /** The stacks below the open marks. */
  readonly #below: PickleValue[][] = [];
  readonly #memo = new Map<number, PickleValue>();
  #work = 0;

  /** @param persistent what a persistent id stands for: a storage */
  constructor(
    readonly bytes: PickleBytes,
    readonly persistent: (id: PickleValue) => PickleValue,
  ) {}

  /** Adds instructions to the count. */
  charge(work: number): void {
    this.#work += work;
    if (this.#work > mostWork)
      throw new PickleFault(`the pickle is larger than weights are (more than ${mostWork} instructions)`);
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }
  pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined) throw new PickleFault("the pickle takes a value from an empty stack");
    return value;
  }
  top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined) throw new PickleFault("the pickle reads a value from an empty stack");
    return value;
  }
  /** The values of the end of the stack, in order. */
  popMany(count: number): PickleValue[] {
    if (this.#stack.length < count) throw new PickleFault("the pickle takes more values than the stack has");
    return count === 0 ? [] : this.#stack.splice(-count);
  }

  /** An empty dict; it counts more, because it takes more memory than its instruction. */
  pushDict(): void {
    this.charge(dictWork);
    this.push(new Map());
  }

  mark(): void {
    this.#below.push(this.#stack);
    this.#stack = [];
  }
  popMark(): PickleValue[] {
    const values = this.#stack;
    const below = this.#below.pop();
    if (below === undefined) throw new PickleFault("the pickle returns to a mark that does not exist");
    this.#stack = below;
    return values;
  }

  memoize(index = this.#memo.size): void {
    this.#memo.set(index, this.top());
  }
  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined)
      throw new PickleFault(`the pickle recalls value ${index}, which it has not stored`);
    this.push(value);
  }

  append(values: readonly PickleValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new PickleFault("the pickle appends to something that is not a list");
    for (const value of values) list.push(value);
  }
  /** @param values key, value, key, value, … */
  setItems(values: readonly PickleValue[]): void {
    const dict = this.top();
    if (!(dict instanceof Map) || values.length % 2 !== 0)
      throw new PickleFault("the pickle sets items of something that is not a dict");
    for (let k = 0; k < values.length; k += 2) dict.set(values[k] ?? null, values[k + 1] ?? null);
  }

  /** What a name stands for. @throws CheckpointError that names it, if weights do not need it */
  global(module: string, name: string): void {
    const value = allowedGlobal(module, name);
    if (value === undefined) throw this.#refused(module, name);
    this.push(value);
  }
  #refused(module: string, name: string): Error {
    // The name comes from the file: it is shown without control characters and shortened.
    const shown = JSON.stringify(`${module}.${name}`.slice(0, 120)).slice(1, -1);
    if (module === "torch" && name.endsWith("Storage"))
      return this.bytes.fault(
        `has values of the type ${shown}, which is not read`,
        "Convert them in Python: tensor.float().",
      );
    // The legacy format wraps a model's class: ("module", class, …).
    const isOutermost = [...this.#below, this.#stack].flat().every((value) => value === "module");
    const what = isOutermost
      ? `holds an object made by ${shown}, not weights`
      : `names ${shown}, which weights do not need`;
    return this.bytes.fault(
      `${what}; no code of the file was executed`,
      'If you trust where it comes from, save the weights alone in Python: torch.save(model.state_dict(), "weights.pth").',
    );
  }

  /** Calls a stand-in. */
  reduce(): void {
    const [callable, args] = this.popMany(2);
    if (!(callable instanceof Callable) || !(args instanceof Tuple))
      throw new PickleFault("the pickle calls something that is not a function");
    // A value is created once and may be passed many times.
    for (const value of args.items) this.charge(sizeOf(value));
    this.push(callable.call(args.items));
  }

  /** The state of an object: an OrderedDict's attributes (PyTorch keeps versions there), or the byte order of a numpy type. */
  build(): void {
    const state = this.pop();
    const object = this.top();
    if (object instanceof Map && (state instanceof Map || state === null)) return;
    if (!(object instanceof NumpyType && state instanceof Tuple))
      throw new PickleFault("the pickle sets the state of an object that has none");
    object.bigEndian = state.items[1] === ">";
  }

  /** The result, the only value that remains at the end. */
  result(): PickleValue {
    const value = this.pop();
    if (this.#stack.length > 0 || this.#below.length > 0)
      throw new PickleFault("the pickle ends with values left over");
    return value;
  }
}

function sizeOf(value: PickleValue): number {
  if (value instanceof Tuple) return value.items.length;
  return typeof value === "string" || value instanceof Uint8Array || Array.isArray(value) ? value.length : 0;
}
