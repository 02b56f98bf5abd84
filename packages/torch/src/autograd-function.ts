/** Functions with a custom backward pass in TypeScript: PyTorch's torch.autograd.Function. */
import { noGrad } from "./autograd.js";
import { ArgumentError } from "./errors.js";
import type { Addon, Handle } from "./native/addon.js";
import { native } from "./native/load.js";
import { scope } from "./scope.js";
import { handlesOf, Tensor, wrap } from "./tensor.js";

/** What the forward pass passes on to the backward pass. */
export interface ForwardContext {
  /** Saves inputs, outputs or other tensors for the backward pass; libtorch frees them afterwards. */
  saveForBackward(...tensors: Tensor[]): void;
}

export interface BackwardContext {
  /** The tensors that the forward pass saved, in the same order. */
  readonly saved: readonly Tensor[];
  /** Which of the inputs need a gradient. */
  readonly needsInputGrad: readonly boolean[];
}

/**
 * One gradient for each input; null where an input has no gradient or needs none. A single gradient need not be in a
 * list.
 */
export type InputGradients = Tensor | null | (Tensor | null)[];

export interface AutogradFunction<O extends Tensor | Tensor[]> {
  /** Name for error messages. */
  name: string;
  /** Runs without recording gradients. Outputs must have a floating dtype. */
  forward(context: ForwardContext, ...inputs: Tensor[]): O;
  /**
   * @param outputGradients one for each output; null for an unused output
   * The backward pass is recorded where the caller requests it (`grad` with `createGraph`), so that gradients of
   * gradients work.
   */
  backward(context: BackwardContext, ...outputGradients: (Tensor | null)[]): InputGradients;
}

interface Running {
  definition: Pick<AutogradFunction<Tensor>, "name" | "backward">;
  needsInputGrad: boolean[];
}

/** Backward passes of live graphs, by the number of their node in libtorch. */
const running = new Map<number, Running>();
const prepared = new WeakSet<Addon>();
let nextId = 1;

/**
 * @returns the function, for tensors on the CPU. Where no input requires a gradient, it only runs `forward`.
 * An error that `backward` throws is thrown by the `backward()` or `grad()` that ran it.
 * @throws ArgumentError where the shape of a gradient differs from that of its input, the number of gradients differs
 *   from that of the inputs, or a tensor is not on the CPU
 * @example
 * const square = autogradFunction({
 *   name: "square",
 *   forward: (context, x) => (context.saveForBackward(x), x.mul(x)),
 *   backward: ({ saved: [x] }, gradient) => gradient!.mul(x!).mul(2),
 * });
 */
export function autogradFunction<O extends Tensor | Tensor[]>(
  definition: AutogradFunction<O>,
): (...inputs: Tensor[]) => O {
  const { name } = definition;
  return (...inputs) => {
    inputs.forEach((input: unknown, k) => {
      if (!(input instanceof Tensor))
        throw new ArgumentError(`inputs: expected a Tensor at index ${k}, received ${typeof input}`, name);
    });
    const needsInputGrad = inputs.map((input) => input.requiresGrad);
    const isRecorded = native().isGradEnabled() && needsInputGrad.includes(true);
    const saved: Tensor[] = [];
    return scope(() => {
      const result = noGrad(() =>
        definition.forward({ saveForBackward: (...tensors) => void saved.push(...tensors) }, ...inputs),
      );
      const outputs: Tensor[] = Array.isArray(result) ? result : [result];
      if (!isRecorded) return result;
      const attached = attach({ definition, needsInputGrad }, inputs, outputs, saved);
      return (Array.isArray(result) ? attached : attached[0]) as O;
    });
  };
}

function attach(function_: Running, inputs: Tensor[], outputs: Tensor[], saved: Tensor[]): Tensor[] {
  const addon = native();
  if (!prepared.has(addon)) {
    addon.setFunctionCaller(runBackward);
    prepared.add(addon);
  }
  for (const id of addon.takeReleasedFunctions()) running.delete(id);
  const id = nextId++;
  running.set(id, function_);
  try {
    return addon.attachFunction(id, handlesOf(inputs), handlesOf(outputs), handlesOf(saved)).map(wrap);
  } catch (error) {
    running.delete(id);
    throw error;
  }
}

/** Called by libtorch during a backward pass. */
function runBackward(id: number, gradients: (Handle | null)[], saved: Handle[]): (Handle | null)[] {
  const { definition, needsInputGrad } = running.get(id)!;
  return scope(() => {
    const outputGradients = gradients.map((handle) => (handle === null ? null : wrap(handle)));
    const found = definition.backward({ saved: saved.map(wrap), needsInputGrad }, ...outputGradients);
    const list = Array.isArray(found) ? found : [found];
    if (list.length !== needsInputGrad.length)
      throw new ArgumentError(
        `expected ${needsInputGrad.length} gradients, one for each input, received ${list.length}`,
        `backward of ${definition.name}`,
      );
    return list;
  }).map((gradient) => gradient?.handle ?? null);
}
