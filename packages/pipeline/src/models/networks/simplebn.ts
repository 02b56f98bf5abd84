/**
 * The published 3D model `simplebn`: the network and the parameter names of `simple`, with dropout 0.5.
 * Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025.
 */
import { Simple, simple } from "./simple.js";
import type { VolumeModelOptions } from "./volume-model.js";
import { published } from "../common/published-source.js";
import { defineNetwork } from "../component.js";

export class SimpleBn extends Simple {
  protected override get zooName(): string {
    return "simplebn";
  }

  constructor({ dropout = 0.5, ...options }: VolumeModelOptions) {
    super({ ...options, dropout });
  }
}

export const simplebn = defineNetwork({
  name: "simplebn",
  source: published,
  architecture: "simple with dropout 0.5",
  camLayers: simple.camLayers!,
  published: { dataset: "3d", settings: { method: "3d", network: { model: "simplebn" } } },
  recognise: (shapes) => {
    const recognised = simple.recognise?.(shapes) ?? null;
    return recognised === null ? null : { ...recognised, model: "simplebn" };
  },
  create: ({ outputs, ...shape }) => new SimpleBn({ ...shape, classes: outputs }),
});
