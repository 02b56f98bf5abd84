/**
 * The cost of a model, counted from the operations that its forward pass requests when it runs with shapes alone
 * (`@slicestack/torch/trace`): no formula is written twice, and no memory is needed.
 * FLOPs are counted as multiply-adds of convolutions, linear layers, matrix products and recurrent cells, as usual;
 * norms, activations and pooling are left out.
 */
import { functional as F, liveBytes, zeros, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { traceShapes } from "@slicestack/torch/trace";

/** A model, and the computation of its logits for a batch of inputs. */
export interface Counted {
  model: Module;
  /** x → logits_BK */
  logits: (x: Tensor) => Tensor;
}

export interface Cost {
  parameters: number;
  /** Parameters that receive a gradient; those of a frozen part do not. */
  trainable: number;
  /** Multiply-adds of the forward pass of one input. */
  multiplyAdds: number;
  /** Bytes of parameters and buffers in float32. */
  weightBytes: number;
  /**
   * The peak memory of tensors other than the weights in the forward pass of a training step in float32: input,
   * activations and loss. Internal buffers of libtorch (dropout masks, indices of maxima in pooling), gradients
   * and the state of the optimiser are not included.
   */
  activationBytes: number;
}

/**
 * @param build creates the model; called within a trace, so that nothing is allocated
 * @param input shape of one input, without the batch
 * @throws ModelError, ArgumentError if the model does not accept such an input
 */
export function costOf(build: () => Counted, input: readonly number[], batch: number): Cost {
  const single = traceShapes(() => {
    const { model, logits } = build();
    using traced = model;
    const weightBytes = liveBytes();
    logits(zeros([1, ...input]));
    return {
      parameters: traced.parameterCount(),
      trainable: traced.parameterCount({ trainableOnly: true }),
      weightBytes,
    };
  });
  const step = traceShapes(() => {
    const { model, logits } = build();
    using _model = model.train();
    F.crossEntropy(logits(zeros([batch, ...input])), zeros([batch], { dtype: "int64" }));
  });
  return {
    ...single.result,
    multiplyAdds: single.products.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0),
    activationBytes: step.peakBytes - single.result.weightBytes,
  };
}
