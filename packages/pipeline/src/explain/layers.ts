/** The layer for Grad-CAM. */
import { BatchNorm2d, BatchNorm3d, Sequential, type Module } from "@slicestack/torch/nn";
import { nearestKeys } from "../config/nearest.js";
import type { CamLayers } from "../models/cam-layers.js";
import { ExplainError } from "./errors.js";

export interface TargetLayer {
  /** Name in the model. */
  name: string;
  module: Module;
  /** True for a batch norm: only the positive part of its output is used, as after the ReLU that follows it. */
  rectified: boolean;
}

/** Maps of the last layer of a network for 224 x 224 pixels, for which Grad-CAM was developed, are 7 x 7. */
const FEWEST = 7;

/**
 * The layer by its name; for a Sequential its last layer. Without a name: the last stage whose maps are at least 7 x 7, or
 * the first stage if none is.
 * @param size height and width of the model's input   @throws ExplainError that suggests similar names
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
        `${model.constructor.name} has no default layer for Grad-CAM`,
        "Name one with --layer.",
      );
    const fine = stages.filter(([, stride]) => Math.ceil(Math.min(...size) / stride) >= FEWEST);
    return layerOf(model, (fine.at(-1) ?? stages[0]!)[0]);
  }
  return layerOf(model, name);
}

function layerOf(model: Module, name: string): TargetLayer {
  const modules = model.namedModules();
  let full = name;
  let module = name === "" ? undefined : modules.get(name);
  while (module instanceof Sequential && module.length > 0) {
    full = `${full}.${module.length - 1}`;
    module = module.at(-1)!;
  }
  if (module !== undefined)
    return { name: full, module, rectified: module instanceof BatchNorm2d || module instanceof BatchNorm3d };
  const names = [...modules.keys()].filter((key) => key !== "");
  const similar = nearestKeys(name, names);
  const hint =
    similar.length > 0
      ? `Did you mean ${similar.join(" or ")}?`
      : `Its layers are ${names.slice(0, 12).join(", ")} …`;
  throw new ExplainError(`layer: the model has no layer ${name}`, hint);
}
