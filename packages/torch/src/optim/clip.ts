/** Limits on gradients, between backward() and step(). */
import { listed } from "../checks.js";
import { noGrad } from "../autograd.js";
import { ArgumentError } from "../errors.js";
import { native } from "../native/load.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";

/**
 * Scales all gradients together so that their joint 2-norm is at most `maxNorm`; with null, it only measures.
 * Pascanu et al., ICML 2013.
 * @returns the norm before clipping; parameters without a gradient count as zero. Waits for the device.
 */
export function clipGradNorm(parameters: Iterable<Tensor>, maxNorm: number | null): number {
  const handles = listed("parameters", parameters, "clipGradNorm").map((parameter) => parameter.handle);
  return native().clipGradNorm(handles, maxNorm ?? Infinity);
}

/** Clips every value of every gradient to ±`maxValue`. */
export function clipGradValue(parameters: Iterable<Tensor>, maxValue: number): void {
  if (!(maxValue > 0))
    throw new ArgumentError(`maxValue: expected a number above 0, received ${maxValue}`, "clipGradValue");
  scope(() => {
    for (const parameter of listed("parameters", parameters, "clipGradValue")) {
      const gradient = parameter.grad;
      if (gradient !== null) noGrad(() => gradient.copy_(gradient.clamp(-maxValue, maxValue)));
    }
  });
}
