/** A loss or gradient that is NaN or infinite stops training before the step, with an error that names its origin. */
import { autocast, noGrad, scope, Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { ProbabilityError } from "@slicestack/stats";
import type { Compute } from "../predict/forward.js";
import type { Piece, Stage, Validation } from "./stage.js";
import { EngineError } from "./errors.js";

/** @throws EngineError which names the layer where it begins */
export function refuseNonFinite<T, I>(
  { stage, input, pieces, compute }: { stage: Stage<T, I>; input: I; pieces: Piece[]; compute: Compute },
  what: { loss: number; gradient: number; epoch: number; step: number },
): void {
  if (Number.isFinite(what.loss) && Number.isFinite(what.gradient)) return;
  const { device, bfloat16 } = compute;
  const again = () => {
    for (const piece of pieces)
      scope(() => noGrad(() => autocast({ device, enabled: bfloat16 }, () => stage.loss(input, piece))));
  };
  const problem = Number.isFinite(what.loss)
    ? `the norm of the gradient is ${what.gradient}, first in ${gradientOf(stage.model) ?? "an unknown layer"}`
    : `the loss is ${what.loss}${layerText(outputOf(stage.model, again))}`;
  throw new EngineError(
    `${stage.name} stage: ${problem}, in epoch ${what.epoch + 1}, step ${what.step + 1}; the weights were not changed by this step, ` +
      `and the last checkpoint is intact. ${remedy(stage.name)}`,
  );
}

/** The scores on val. @throws EngineError if the loss is not finite, before the epoch is saved */
export function finiteValidation<T, I>({ name, model, validate }: Stage<T, I>, epoch: number): Validation {
  const validation = numbersOf(validate);
  if (validation !== null) return validation;
  const layer = layerText(outputOf(model, () => void numbersOf(validate)));
  throw new EngineError(
    `${name} stage: the loss on val is not finite${layer}, after epoch ${epoch + 1}, which was not saved; ` +
      `the checkpoint before it is intact. ${remedy(name)}`,
  );
}

function numbersOf(validate: () => Validation): Validation | null {
  try {
    const validation = validate();
    return Number.isFinite(validation.loss) ? validation : null;
  } catch (error) {
    if (error instanceof ProbabilityError) return null;
    throw error;
  }
}

const remedy = (stage: string): string =>
  `Lower ${stage}.learning_rate, set ${stage}.clip_norm, or use precision float32, and train again.`;

const layerText = (layer: string | null): string =>
  layer === null ? "" : `, first non-finite after layer ${layer}`;

/** The parameter whose gradient became non-finite first in the backward pass: the last one in the order of the model. */
function gradientOf(model: Module): string | null {
  return scope(() => {
    for (const [name, parameter] of [...model.namedParameters()].reverse()) {
      const gradient = parameter.grad;
      if (gradient !== null && !isFinite(gradient)) return name;
    }
    return null;
  });
}

/** Runs `body` and checks the output of each layer. @returns the first layer with a non-finite output */
function outputOf(model: Module, body: () => void): string | null {
  const layers = [...model.namedModules()].filter(([, module]) => module.children.size === 0);
  let first: string | null = null;
  const originals = layers.map(([name, module]) => {
    const watched = module as Module & { forward?: (...args: unknown[]) => unknown };
    const { forward } = watched;
    if (typeof forward === "function")
      watched.forward = (...args: unknown[]) => {
        const result = forward.apply(watched, args);
        if (first === null && result instanceof Tensor && !isFinite(result)) first = name;
        return result;
      };
    return watched;
  });
  try {
    body();
  } catch {
    // The layer that was found before the error is reported.
  } finally {
    for (const watched of originals) Reflect.deleteProperty(watched, "forward");
  }
  return first;
}

function isFinite(x: Tensor): boolean {
  return scope(() => Number.isFinite(x.detach().to({ dtype: "float32" }).abs().max().item()));
}
