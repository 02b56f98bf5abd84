/** The layers of a trunk in order, so that fine-tuning can begin with the last ones. */
import type { Tensor } from "@slicestack/torch";
import type { SliceModel } from "../models/trunks/slice-model.js";

/**
 * The parameters of each layer, from the first to the last; the classifier, which no head uses, is left out. A layer is what
 * the first numbered part of a name denotes: layer4 of a ResNet, a stage of EfficientNet, a block of a vision transformer.
 */
export function trunkLayers(trunk: SliceModel): Tensor[][] {
  const { classifier } = trunk;
  const [unused] = [...trunk.namedModules()].find(([, module]) => module === classifier) ?? [null];
  const layers = new Map<string, Tensor[]>();
  for (const [name, parameter] of trunk.namedParameters()) {
    if (unused !== null && name.startsWith(`${unused}.`)) continue;
    const layer = layerOf(name);
    layers.set(layer, [...(layers.get(layer) ?? []), parameter]);
  }
  return [...layers.values()];
}

/** resnet.layer4.1.conv2.weight → resnet.layer4; backbone.norm.weight → backbone.norm */
function layerOf(name: string): string {
  const parts = name.split(".");
  const numbered = parts.findIndex((part) => /\d/.test(part));
  return parts.slice(0, numbered < 0 || numbered === parts.length - 1 ? -1 : numbered + 1).join(".");
}

/**
 * Gradual unfreezing: only the last `count` layers train, and no layer before them. Howard and Ruder: Universal Language Model
 * Fine-tuning for Text Classification, ACL 2018, section 3.3.
 */
export function trainLastLayers(layers: readonly Tensor[][], count: number): void {
  layers.forEach((parameters, k) => {
    for (const parameter of parameters) parameter.requiresGrad_(k >= layers.length - count);
  });
}
