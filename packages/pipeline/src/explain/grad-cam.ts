/**
 * Grad-CAM. Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, ICCV 2017:
 * the positive part of the sum of a layer's maps, each weighted by the mean of the score's gradient over it.
 * The gradient is that of the volume's score: in 2.5D through the head and the trunk. Each slice has separate weights, so
 * that a slice that the head ignores stays dark beside one that it uses.
 */
import { scope, type Tensor } from "@slicestack/torch";
import { ExplainError } from "./errors.js";
import type { TargetLayer } from "./layers.js";
import type { LayerMaps, VolumeFunction } from "./volume-function.js";

/** maps_NChw → cam_Nhw, or maps_1Chwd → cam_1hwd; >= 0 */
export function classActivation({ activation, gradient }: LayerMaps, rectified: boolean): Tensor {
  return scope(() => {
    const places = activation.shape.map((_, axis) => axis).slice(2);
    const weight = gradient.mean(places, true);
    return weight
      .mul(rectified ? activation.relu() : activation)
      .sum(1)
      .relu();
  });
}

/** @returns cam_PHW on the grid of the model's input   @throws ExplainError if the layer has no maps as output */
export function gradCam(model: VolumeFunction, unit: Tensor, target: number, layer: TargetLayer): Tensor {
  return scope(() => {
    const { maps } = model.gradient(unit, target, layer);
    if (maps === null || maps.activation.dim < 4)
      throw new ExplainError(
        `layer: expected maps, ${layer.name} has ${maps === null ? "no output, because the model calls its parts" : `an output of shape [${maps.activation.shape.join(", ")}]`}`,
        "Choose a layer whose output has height and width.",
      );
    return model.enlarged(classActivation(maps, layer.rectified), unit);
  });
}
