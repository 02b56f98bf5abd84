/** Refuses trainable parameters without a gradient, which would otherwise keep their initial values unnoticed. */
import { scope } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { unusedParameters } from "../models/common/unused-parameters.js";
import { EngineError } from "./errors.js";

const mostNamed = 8;

/**
 * Called between the backward pass of a whole batch and the optimiser's step.
 * @throws EngineError which names the parameters that require a gradient and have none; frozen parameters, and those that
 *   the model declares as unused, need none
 */
export function refuseMissingGradients(
  { name, model }: { name: string; model: Module },
  { epoch, step }: { epoch: number; step: number },
): void {
  const missing = withoutGradient(model);
  if (missing.length === 0) return;
  const rest = missing.length > mostNamed ? ` and ${missing.length - mostNamed} more` : "";
  throw new EngineError(
    `${name} stage: ${missing.length} trainable parameters have no gradient after the whole batch, in epoch ${epoch + 1}, ` +
      `step ${step + 1}: ${missing.slice(0, mostNamed).join(", ")}${rest}. The loss does not depend on them, so that no step ` +
      "would change them; the weights were not changed by this step, and the last checkpoint is intact. Freeze such parameters " +
      "with requiresGrad_(false), or let the model name their layers in its property `unused`. With one of the built-in models " +
      "this is a bug in Slicestack: please report it.",
  );
}

function withoutGradient(model: Module): string[] {
  const unused = unusedParameters(model);
  return scope(() =>
    [...model.namedParameters()]
      .filter(([, parameter]) => parameter.requiresGrad && !unused.has(parameter) && parameter.grad === null)
      .map(([name]) => name),
  );
}
