/** The layers of fixtures/nn: how to make each case's module and call it. */
import type { Tensor } from "../../src/index.js";
import * as nn from "../../src/nn/index.js";
import type { TensorJson } from "../support.js";

export interface LayerCase {
  name: string;
  train: boolean;
  seed: number | null;
  state: Record<string, TensorJson>;
  inputs: TensorJson[];
  outputs: TensorJson[];
  inputGradients: (TensorJson | null)[];
  parameterGradients: Record<string, TensorJson>;
  buffers: Record<string, TensorJson>;
}

/** A module and its outputs for some inputs. */
export interface Called {
  module: nn.Module;
  forward(inputs: Tensor[]): Tensor[];
}

function at(inputs: Tensor[], index: number): Tensor {
  const input = inputs[index];
  if (input === undefined) throw new Error(`the case has no input ${index}`);
  return input;
}

const layer = (module: nn.Layer): Called => ({
  module,
  forward: (inputs) => [module.forward(at(inputs, 0))],
});

function list(): Called {
  const first = new nn.Linear(2, 3);
  const second = new nn.Linear(3, 2);
  return {
    module: new nn.ModuleList([first, second]),
    forward: (inputs) => [second.forward(first.forward(at(inputs, 0)))],
  };
}

function attention(width: number, heads: number, mask: (() => Tensor) | null): Called {
  const module = new nn.MultiheadAttention(width, heads);
  const forward = (inputs: Tensor[]) => {
    const [query, key = query, value = key] = [at(inputs, 0), inputs[1], inputs[2]];
    const { output, weights } = module.forward(query, {
      key,
      value,
      keyPaddingMask: mask?.() ?? null,
      needWeights: true,
    });
    return weights === null ? [output] : [output, weights];
  };
  return { module, forward };
}

function recurrent(module: nn.GRU): Called {
  const forward = (inputs: Tensor[]) => {
    const { output, hidden } = module.forward(at(inputs, 0), inputs[1] ?? null);
    return [output, hidden];
  };
  return { module, forward };
}

function encoder(
  module: nn.TransformerEncoderLayer | nn.TransformerEncoder,
  mask: (() => Tensor) | null = null,
): Called {
  return {
    module,
    forward: (inputs) => [module.forward(at(inputs, 0), { keyPaddingMask: mask?.() ?? null })],
  };
}

const block = { width: 4, heads: 2, feedForward: 6 };

/** @param padding the mask that the masked cases share: bool_BS */
export function layerTable(padding: () => Tensor): Record<string, () => Called> {
  return {
    Linear: () => layer(new nn.Linear(3, 4)),
    "Linear, no bias, 3 dimensions": () => layer(new nn.Linear(3, 2, { bias: false })),
    Conv1d: () => layer(new nn.Conv1d(2, 3, 3, { stride: 2, padding: 1 })),
    Conv2d: () => layer(new nn.Conv2d(2, 3, 3, { padding: 1 })),
    "Conv2d, stride, dilation, groups, no bias": () =>
      layer(
        new nn.Conv2d(4, 4, [3, 2], {
          stride: [2, 1],
          padding: [2, 0],
          dilation: [2, 1],
          groups: 2,
          bias: false,
        }),
      ),
    Conv3d: () => layer(new nn.Conv3d(2, 2, [2, 3, 3], { stride: [1, 2, 2], padding: [0, 1, 1] })),
    BatchNorm1d: () => layer(new nn.BatchNorm1d(3)),
    "BatchNorm1d of 3 dimensions": () => layer(new nn.BatchNorm1d(3, { momentum: 0.3, eps: 1e-3 })),
    BatchNorm2d: () => layer(new nn.BatchNorm2d(2)),
    "BatchNorm2d without momentum": () => layer(new nn.BatchNorm2d(2, { momentum: null })),
    BatchNorm3d: () => layer(new nn.BatchNorm3d(2)),
    "BatchNorm3d, not affine": () => layer(new nn.BatchNorm3d(2, { affine: false })),
    "BatchNorm2d without running statistics": () =>
      layer(new nn.BatchNorm2d(2, { trackRunningStats: false })),
    LayerNorm: () => layer(new nn.LayerNorm(5)),
    "LayerNorm of 2 dimensions, not affine": () =>
      layer(new nn.LayerNorm([2, 3], { eps: 1e-3, elementwiseAffine: false })),
    GroupNorm: () => layer(new nn.GroupNorm(2, 4)),
    MaxPool1d: () => layer(new nn.MaxPool1d(2)),
    MaxPool2d: () => layer(new nn.MaxPool2d(3, { stride: 2, padding: 1 })),
    MaxPool3d: () => layer(new nn.MaxPool3d(2)),
    AvgPool2d: () => layer(new nn.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false })),
    AvgPool3d: () => layer(new nn.AvgPool3d([2, 1, 2], { padding: [1, 0, 0] })),
    AdaptiveAvgPool2d: () => layer(new nn.AdaptiveAvgPool2d([2, 3])),
    AdaptiveAvgPool3d: () => layer(new nn.AdaptiveAvgPool3d(2)),
    AdaptiveMaxPool2d: () => layer(new nn.AdaptiveMaxPool2d(2)),
    AdaptiveMaxPool3d: () => layer(new nn.AdaptiveMaxPool3d([1, 2, 3])),
    ReLU: () => layer(new nn.ReLU()),
    GELU: () => layer(new nn.GELU()),
    "GELU, tanh": () => layer(new nn.GELU({ approximate: "tanh" })),
    Sigmoid: () => layer(new nn.Sigmoid()),
    Tanh: () => layer(new nn.Tanh()),
    LeakyReLU: () => layer(new nn.LeakyReLU(0.2)),
    SiLU: () => layer(new nn.SiLU()),
    Softplus: () => layer(new nn.Softplus()),
    Identity: () => layer(new nn.Identity()),
    Flatten: () => layer(new nn.Flatten()),
    "Flatten of inner dimensions": () => layer(new nn.Flatten(1, 2)),
    Dropout: () => layer(new nn.Dropout(0.4)),
    Dropout2d: () => layer(new nn.Dropout2d(0.5)),
    Dropout3d: () => layer(new nn.Dropout3d(0.3)),
    Embedding: () => layer(new nn.Embedding(5, 3)),
    Sequential: () =>
      layer(
        new nn.Sequential(
          new nn.Conv2d(1, 2, 3),
          new nn.BatchNorm2d(2),
          new nn.ReLU(),
          new nn.Flatten(),
          new nn.Linear(8, 3),
        ),
      ),
    ModuleList: list,
    "MultiheadAttention to itself, masked": () => attention(6, 2, padding),
    MultiheadAttention: () => attention(6, 3, null),
    "MultiheadAttention to another": () => attention(4, 2, null),
    GRU: () => recurrent(new nn.GRU(3, 2)),
    "GRU, 2 layers, both directions, started": () =>
      recurrent(new nn.GRU(3, 2, { layers: 2, bidirectional: true })),
    "GRU, 2 layers with dropout": () => recurrent(new nn.GRU(3, 2, { layers: 2, dropout: 0.5 })),
    "TransformerEncoderLayer, relu, masked": () =>
      encoder(new nn.TransformerEncoderLayer({ ...block, dropout: 0 }), padding),
    "TransformerEncoderLayer, gelu, norm first": () =>
      encoder(
        new nn.TransformerEncoderLayer({
          ...block,
          dropout: 0,
          activation: "gelu",
          normFirst: true,
          eps: 1e-4,
        }),
      ),
    TransformerEncoderLayer: () => encoder(new nn.TransformerEncoderLayer(block)),
    TransformerEncoder: () =>
      encoder(new nn.TransformerEncoder({ ...block, dropout: 0, depth: 2, finalNorm: true })),
  };
}
