/** A loss or a gradient that is no number stops training before the step, and says where it came from. */
import { autocast, noGrad, scope, Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import type { Compute } from "../models/predict.js";
import type { Piece, Stage } from "./stage.js";
import { EngineError } from "./errors.js";

/** @throws EngineError which names the layer where it begins */
export function refuseNonFinite<T, I>(
  { stage, input, piece, compute }: { stage: Stage<T, I>; input: I; piece: Piece; compute: Compute },
  what: { loss: number; gradient: number; epoch: number; step: number },
): void {
  if (Number.isFinite(what.loss) && Number.isFinite(what.gradient)) return;
  const { name } = stage;
  const found = Number.isFinite(what.loss)
    ? `the norm of the gradient is ${what.gradient}, first in ${gradientOf(stage.model) ?? "an unknown layer"}`
    : `the loss is ${what.loss}${layerText(outputOf(stage, input, piece, compute))}`;
  throw new EngineError(
    `${name} stage: ${found}, in epoch ${what.epoch + 1}, step ${what.step + 1}; the weights were not changed by this step, ` +
      `and the last checkpoint is whole. Lower ${name}.learning_rate, set ${name}.clip_norm, or take precision float32, and train again.`,
  );
}

const layerText = (layer: string | null): string => (layer === null ? "" : `, first no number after layer ${layer}`);

/** The first parameter, in the order of the model, whose gradient is not finite. */
function gradientOf(model: Module): string | null {
  return scope(() => {
    for (const [name, parameter] of model.namedParameters()) {
      const gradient = parameter.grad;
      if (gradient !== null && !isFinite(gradient)) return name;
    }
    return null;
  });
}

/** Runs the piece once more, and watches what each layer gives. */
function outputOf<T, I>(stage: Stage<T, I>, input: I, piece: Piece, { device, bfloat16 }: Compute): string | null {
  const layers = [...stage.model.namedModules()].filter(([, module]) => module.children.size === 0);
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
    scope(() => noGrad(() => autocast({ device, enabled: bfloat16 }, () => stage.loss(input, piece))));
  } catch {
    // What was found until then is what there is to say.
  } finally {
    for (const watched of originals) Reflect.deleteProperty(watched, "forward");
  }
  return first;
}

function isFinite(x: Tensor): boolean {
  return scope(() => Number.isFinite(x.detach().to({ dtype: "float32" }).abs().max().item()));
}
