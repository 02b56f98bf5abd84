/** Switching gradients on and off, gradients of selected inputs, autocast. */
import { native } from "./native/load.js";
import { handlesOf, wrap, type Tensor } from "./tensor.js";
import { ArgumentError } from "./errors.js";

function withGrad<T>(enabled: boolean, body: () => T): T {
  const before = native().setGradEnabled(enabled);
  try {
    return refusePromise(body(), enabled ? "enableGrad" : "noGrad");
  } finally {
    native().setGradEnabled(before);
  }
}

// The flag belongs to the thread: an await inside would leave it set for the code that runs next.
function refusePromise<T>(result: T, name: string): T {
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw new ArgumentError("expected a synchronous body, received a Promise", name);
  }
  return result;
}

/** Runs `body` without recording gradients. */
export function noGrad<T>(body: () => T): T {
  return withGrad(false, body);
}
export function enableGrad<T>(body: () => T): T {
  return withGrad(true, body);
}
export function isGradEnabled(): boolean {
  return native().isGradEnabled();
}

/**
 * Gradients of the sum of single-value outputs with respect to inputs; leaves are not modified.
 * @returns one per input; null where an input is not used
 */
export function grad(
  outputs: Tensor[],
  inputs: Tensor[],
  { retainGraph = false, createGraph = false } = {},
): (Tensor | null)[] {
  return native()
    .grad(handlesOf(outputs), handlesOf(inputs), retainGraph || createGraph, createGraph)
    .map((handle) => (handle === null ? null : wrap(handle)));
}

export interface AutocastOptions {
  /** `cpu` or `cuda`, or a device of that kind. Default cpu. */
  device?: string;
  enabled?: boolean;
  dtype?: "bfloat16" | "float16";
}
/**
 * Runs `body` with matrix products and convolutions in bfloat16 (or float16 on CUDA); reductions and losses use
 * float32.
 */
export function autocast<T>(
  { device = "cpu", enabled = true, dtype = "bfloat16" }: AutocastOptions,
  body: () => T,
): T {
  const kind = device.split(":")[0] ?? "cpu";
  const [wasEnabled, was] = native().enterAutocast(kind, enabled, dtype);
  try {
    return refusePromise(body(), "autocast");
  } finally {
    native().leaveAutocast(kind, wasEnabled, was);
  }
}
export function isAutocastEnabled(deviceType: "cpu" | "cuda" = "cpu"): boolean {
  return native().isAutocastEnabled(deviceType);
}
