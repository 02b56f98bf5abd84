/** Which layer Grad-CAM looks at. */
import { BatchNorm2d, BatchNorm3d, Sequential, type Module } from "@slicestack/torch/nn";
import { nearestKeys } from "../config/nearest.js";
import type { CamLayers } from "../models/cam-layers.js";
import { ExplainError } from "./errors.js";

export interface TargetLayer {
  /** As the model names it. */
  name: string;
  module: Module;
  /** A batch norm: what comes of it is the positive part, which the ReLU behind it lets through. */
  rectified: boolean;
}

/** Maps of the last layer of a network for 224 x 224 pixels, where Grad-CAM comes from, are 7 x 7. */
const FEWEST = 7;

/**
 * The layer by its name; a Sequential stands for its last part. Without a name: the last stage whose maps are at least
 * 7 x 7, or the first where none is.
 * @param size height and width that the model sees   @throws ExplainError which names what is like it
 */
export function targetLayer(
  model: Module & { readonly camLayers?: CamLayers },
  size: readonly [number, number],
  name: string | null,
): TargetLayer {
  if (name === null) {
    const { camLayers: stages = [] } = model;
    if (stages.length === 0)
      throw new ExplainError(
        `${model.constructor.name} has no layer that Grad-CAM takes by default`,
        "Name one with --layer.",
      );
    const fine = stages.filter(([, stride]) => Math.ceil(Math.min(...size) / stride) >= FEWEST);
    return found(model, (fine.at(-1) ?? stages[0]!)[0]);
  }
  return found(model, name);
}

function found(model: Module, name: string): TargetLayer {
  const modules = model.namedModules();
  let full = name;
  let module = name === "" ? undefined : modules.get(name);
  while (module instanceof Sequential && module.length > 0) {
    full = `${full}.${module.length - 1}`;
    module = module.at(-1)!;
  }
  if (module !== undefined)
    return { name: full, module, rectified: module instanceof BatchNorm2d || module instanceof BatchNorm3d };
  const names = [...modules.keys()].filter((one) => one !== "");
  const like = nearestKeys(name, names);
  const hint = like.length > 0 ? `Did you mean ${like.join(" or ")}?` : `It has ${names.slice(0, 12).join(", ")} …`;
  throw new ExplainError(`layer: the model has no ${name}`, hint);
}
