/** The common base of all optimisers: parameter groups, the learning rate, state tensors outside of scopes, saving. */
import { checkMap, listed } from "../checks.js";
import { noGrad } from "../autograd.js";
import { ArgumentError } from "../errors.js";
import { native } from "../native/load.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";

export interface ParameterGroup {
  parameters: Iterable<Tensor>;
  /** Default: that of the optimiser. */
  learningRate?: number;
  weightDecay?: number;
}

/** Directly serialisable: tensors for safetensors, numbers for JSON. Keys are `{parameter index}.{name}`. */
export interface OptimizerState {
  /** Second handles to the state, owned by the caller; clone them for a copy that training does not change. */
  tensors: Map<string, Tensor>;
  numbers: Record<string, number>;
}

/** A saved state does not belong to these parameters; nothing was changed. */
export class OptimizerStateError extends Error {
  override readonly name = "OptimizerStateError";
  constructor(readonly problems: string[]) {
    super(
      `the optimiser state does not match:\n  ${problems.join("\n  ")}\n` +
        "  Load the state of the same optimiser over the same parameters in the same order.",
    );
  }
}

/** State of one parameter: its tensors by PyTorch's names, and the number of its steps. */
export interface Slot {
  readonly index: number;
  readonly parameter: Tensor;
  tensors: Tensor[];
  steps: number;
}

export interface Group {
  readonly slots: Slot[];
  /** learning rate of this group / learning rate of the optimiser */
  readonly rateFactor: number;
  readonly weightDecay: number;
}

export abstract class Optimizer implements Disposable {
  /** The rate of the next step, for groups without a separate rate. */
  learningRate: number;
  protected readonly groups: Group[];
  readonly #stateNames: readonly string[];

  /** @param stateNames PyTorch's names of the tensors that one parameter needs */
  protected constructor(
    parameters: Iterable<Tensor> | ParameterGroup[],
    options: { learningRate: number; weightDecay: number },
    stateNames: readonly string[],
  ) {
    atLeastZero(options, ["learningRate", "weightDecay"]);
    this.learningRate = options.learningRate;
    this.#stateNames = stateNames;
    let index = 0;
    const seen = new Set<Tensor>();
    this.groups = asGroups(parameters).map((group) => {
      const { learningRate = options.learningRate, weightDecay = options.weightDecay } = group;
      atLeastZero({ learningRate, weightDecay }, ["learningRate", "weightDecay"]);
      const slots = [...group.parameters].map((parameter): Slot => ({
        index: index++,
        parameter,
        tensors: [],
        steps: 0,
      }));
      for (const { parameter } of slots) {
        if (seen.has(parameter))
          throw new ArgumentError(
            "parameters: expected each parameter once, received one twice",
            this.constructor.name,
          );
        seen.add(parameter);
      }
      return { slots, weightDecay, rateFactor: rateFactor(learningRate, options.learningRate) };
    });
  }

  /**
   * Updates every parameter that has a gradient; one native call per group.
   * @param learningRate also kept as the rate of later steps; groups with a separate rate keep their ratio to it
   */
  step(learningRate?: number): void {
    if (learningRate !== undefined) {
      atLeastZero({ learningRate }, ["learningRate"]);
      this.learningRate = learningRate;
    }
    for (const group of this.groups) {
      for (const slots of bySteps(withGradient(group.slots))) {
        this.#prepare(slots);
        this.update(slots, this.learningRate * group.rateFactor, group.weightDecay);
        for (const slot of slots) slot.steps++;
      }
    }
  }

  /** One native step for slots that have taken the same number of steps. */
  protected abstract update(slots: Slot[], learningRate: number, weightDecay: number): void;

  /** Removes all gradients. */
  zeroGrad(): void {
    native().zeroGrad(this.#slots().map(({ parameter }) => parameter.handle));
  }

  stateDict(): OptimizerState {
    const tensors = new Map<string, Tensor>();
    const numbers: Record<string, number> = { learning_rate: this.learningRate };
    for (const slot of this.#slots()) {
      if (slot.steps === 0) continue;
      numbers[`${slot.index}.step`] = slot.steps;
      this.#stateNames.forEach((name, k) => {
        const tensor = slot.tensors[k];
        if (tensor !== undefined) tensors.set(`${slot.index}.${name}`, tensor.detach());
      });
    }
    return { tensors, numbers };
  }

  /** Loads a saved state, converted to each parameter's dtype, device and layout. @throws OptimizerStateError */
  loadStateDict({ tensors, numbers }: OptimizerState): void {
    checkMap("tensors", tensors, "loadStateDict");
    const slots = this.#slots();
    const problems = this.#problems(slots, tensors, numbers);
    if (problems.length > 0) throw new OptimizerStateError(problems);
    this.learningRate = numbers.learning_rate ?? this.learningRate;
    for (const slot of slots) {
      slot.steps = numbers[`${slot.index}.step`] ?? 0;
      for (const tensor of slot.tensors) tensor.dispose();
      slot.tensors = [];
      if (slot.steps > 0) this.#prepare([slot]);
      slot.tensors.forEach((tensor, k) => {
        const saved = tensors.get(`${slot.index}.${this.#stateNames[k] ?? ""}`);
        if (saved !== undefined) tensor.copy_(saved);
      });
    }
  }

  /** Frees the state; the parameters are not changed. */
  dispose(): void {
    for (const slot of this.#slots()) {
      for (const tensor of slot.tensors) tensor.dispose();
      slot.tensors = [];
      slot.steps = 0;
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #slots(): Slot[] {
    return this.groups.flatMap((group) => group.slots);
  }

  #prepare(slots: Slot[]): void {
    for (const slot of slots) {
      if (slot.tensors.length === 0)
        slot.tensors = this.#stateNames.map(() => zerosLaidOutAs(slot.parameter));
    }
  }

  #problems(slots: Slot[], tensors: Map<string, Tensor>, numbers: Record<string, number>): string[] {
    const problems: string[] = [];
    const rate = numbers.learning_rate;
    if (rate === undefined || !(rate >= 0)) problems.push("learning_rate: expected a number >= 0");
    const known = new Set(["learning_rate"]);
    for (const { index, parameter } of slots) {
      const steps = numbers[`${index}.step`];
      known.add(`${index}.step`);
      for (const name of this.#stateNames) known.add(`${index}.${name}`);
      if (steps === undefined) continue;
      if (!Number.isSafeInteger(steps) || steps < 1)
        problems.push(`${index}.step: expected a whole number >= 1, received ${steps}`);
      for (const name of this.#stateNames) {
        const expected = `[${parameter.shape.join(", ")}]`;
        const shape = tensors.get(`${index}.${name}`)?.shape;
        const received = shape === undefined ? "none" : `[${shape.join(", ")}]`;
        if (received !== expected)
          problems.push(`${index}.${name}: expected shape ${expected}, received ${received}`);
      }
    }
    for (const key of [...tensors.keys(), ...Object.keys(numbers)])
      if (!known.has(key)) problems.push(`${key}: does not belong to this optimiser`);
    for (const key of tensors.keys()) {
      const step = `${key.split(".")[0] ?? ""}.step`;
      if (known.has(key) && numbers[step] === undefined) problems.push(`${key}: expected ${step} beside it`);
    }
    return problems;
  }
}

export function handlesOf(tensors: Iterable<Tensor>): number[] {
  return Array.from(tensors, (tensor) => tensor.handle);
}

/** @throws ArgumentError where one of the named options is not a number >= 0 */
export function atLeastZero<K extends string>(options: Record<K, number>, names: K[]): void {
  for (const name of names) {
    const value = options[name];
    if (!(value >= 0) || value === Infinity)
      throw new ArgumentError(`${name}: expected a finite number >= 0, received ${value}`, "Optimizer");
  }
}

function asGroups(parameters: Iterable<Tensor> | ParameterGroup[]): ParameterGroup[] {
  const given: (Tensor | ParameterGroup)[] = listed<Tensor | ParameterGroup>(
    "parameters",
    parameters,
    "Optimizer",
  );
  const groups = given.filter((item): item is ParameterGroup => "parameters" in item);
  if (groups.length !== 0 && groups.length !== given.length) {
    throw new ArgumentError("parameters: expected tensors or groups, received a mixture", "Optimizer");
  }
  const found = groups.length > 0 ? groups : [{ parameters: given as Tensor[] }];
  const held = found.map((group) => ({
    ...group,
    parameters: listed("parameters", group.parameters, "Optimizer"),
  }));
  if (held.every((group) => group.parameters.length === 0))
    throw new ArgumentError("parameters: expected at least one, received none", "Optimizer");
  return held;
}

function rateFactor(own: number, base: number): number {
  if (own === base) return 1;
  if (base === 0)
    throw new ArgumentError(
      "learningRate: expected a rate above 0 where groups have separate rates",
      "Optimizer",
    );
  return own / base;
}

function withGradient(slots: Slot[]): Slot[] {
  return scope(() => slots.filter(({ parameter }) => native().gradOf(parameter.handle) !== null));
}

// A parameter that skipped steps has a different bias correction; there is nearly always only one list.
function bySteps(slots: Slot[]): Slot[][] {
  const lists = new Map<number, Slot[]>();
  for (const slot of slots) {
    const list = lists.get(slot.steps);
    if (list === undefined) lists.set(slot.steps, [slot]);
    else list.push(slot);
  }
  return [...lists.values()];
}

// clone() keeps the strides, which the one-pass native step needs; zeros() would be contiguous.
function zerosLaidOutAs(parameter: Tensor): Tensor {
  return noGrad(() => parameter.clone().fill_(0).keep());
}
