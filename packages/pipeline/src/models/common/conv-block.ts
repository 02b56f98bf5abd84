/**
 * The block of the 3D models: convolution 3x3x3, batch norm, ReLU. Parameter names are the published code's.
 * Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025.
 */
import type { Tensor } from "@slicestack/torch";
import { BatchNorm3d, Conv3d, Module } from "@slicestack/torch/nn";
import { outputs, type ModelGuess, type Shapes } from "../recognition.js";

export class ConvBlock3d extends Module {
  readonly conv: Conv3d;
  readonly bn: BatchNorm3d;

  constructor(inputs: number, outputs: number) {
    super();
    this.conv = new Conv3d(inputs, outputs, 3, { padding: 1 });
    this.bn = new BatchNorm3d(outputs);
  }

  /** x_BCHWD → y_BOHWD */
  forward(x_BCHWD: Tensor): Tensor {
    return this.bn.forward(this.conv.forward(x_BCHWD)).relu();
  }
}

/** The layers for Grad-CAM in five of these blocks, each followed by pooling by 2. */
export const blockLayers = [1, 2, 3, 4, 5].map((k) => [`conv${k}`, 2 ** (k - 1)] as const);

/** Recognises five of these blocks by the shapes of their weights. */
export function fiveBlocks(shapes: Shapes): Pick<ModelGuess, "channels" | "classes"> | null {
  const first = shapes("conv1.conv.weight");
  if (first?.length !== 5 || shapes("conv5.conv.weight") === undefined) return null;
  return { channels: first[1] ?? null, classes: outputs(shapes, "fc3") };
}
