/**
 * What a model costs, from the ops that it really asks for: its own forward pass runs with shapes alone
 * (`@slicestack/torch/trace`), so no formula of a model is written twice and none needs memory.
 * FLOPs are counted as multiply-adds of convolutions, linear layers, matrix products and recurrent cells, as is usual;
 * norms, activations and pooling are left out.
 */
import { functional as F, liveBytes, zeros, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { traceShapes } from "@slicestack/torch/trace";

/** A model under count, and its logits for a batch of inputs. */
export interface Counted {
  model: Module;
  /** x → logits_BK */
  logits: (x: Tensor) => Tensor;
}

export interface Cost {
  parameters: number;
  /** Those that take a gradient: a frozen part does not. */
  trainable: number;
  /** Of one forward pass of one input. */
  multiplyAdds: number;
  /** Of parameters and buffers, as float32. */
  weightBytes: number;
  /**
   * The most that tensors hold at once, beside the weights, in the forward pass of a training step in float32: input,
   * activations and loss. What libtorch keeps out of sight (masks of dropout, places of a pooling's maxima), gradients
   * and the optimiser's state are not in it.
   */
  activationBytes: number;
}

/**
 * @param build makes the model; called within a trace, so nothing is allocated
 * @param input shape of one input, without the batch
 * @throws ModelError, ArgumentError where the model does not take such an input
 */
export function costOf(build: () => Counted, input: readonly number[], batch: number): Cost {
  const one = traceShapes(() => {
    const { model, logits } = build();
    using made = model;
    const weightBytes = liveBytes();
    logits(zeros([1, ...input]));
    return { parameters: made.parameterCount(), trainable: made.parameterCount({ trainableOnly: true }), weightBytes };
  });
  const step = traceShapes(() => {
    const { model, logits } = build();
    using _model = model.train();
    F.crossEntropy(logits(zeros([batch, ...input])), zeros([batch], { dtype: "int64" }));
  });
  return {
    ...one.result,
    multiplyAdds: one.products.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0),
    activationBytes: step.peakBytes - one.result.weightBytes,
  };
}
