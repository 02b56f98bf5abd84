/**
 * The published 3D model `simplebn`: the network and the parameter names of `simple`, with dropout 0.5.
 * Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025.
 */
import { Simple } from "./simple.js";
import type { VolumeModelOptions } from "./volume-model.js";

export class SimpleBn extends Simple {
  protected override get zooName(): string {
    return "simplebn";
  }

  constructor({ dropout = 0.5, ...options }: VolumeModelOptions) {
    super({ ...options, dropout });
  }
}
