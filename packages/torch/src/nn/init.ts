/** PyTorch's initialisation (torch.nn.init): the same formulas and, from the same seed, the same draws. */
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor.js";

let isSkipped = false;

/**
 * Creates modules whose random weights are not drawn, because weights are loaded into them: until then they hold whatever was
 * in memory. As torch.nn.utils.skip_init.
 * @example const model = skipInit(() => new ResNet("resnet18")); model.loadStateDict(weights);
 */
export function skipInit<T>(create: () => T): T {
  const before = isSkipped;
  isSkipped = true;
  try {
    return create();
  } finally {
    isSkipped = before;
  }
}

/** Draws uniformly, unless weights are not drawn. */
export const uniform_ = (weight: Tensor, low: number, high: number): Tensor =>
  isSkipped ? weight : weight.uniform_(low, high);

/** Draws from a normal distribution, unless weights are not drawn. */
export const normal_ = (weight: Tensor, mean: number, deviation: number): Tensor =>
  isSkipped ? weight : weight.normal_(mean, deviation);

/** Number of inputs and outputs of one unit of weight_OI...: channels times kernel size. */
export function fans(weight: Tensor): { fanIn: number; fanOut: number } {
  const [outputs, inputs, ...kernel] = weight.shape;
  if (outputs === undefined || inputs === undefined) {
    throw new ArgumentError(
      `weight: expected at least 2 dimensions, received shape [${weight.shape.join(", ")}]`,
      "fans",
    );
  }
  const field = kernel.reduce((product, size) => product * size, 1);
  return { fanIn: inputs * field, fanOut: outputs * field };
}

/** He et al., Delving Deep into Rectifiers, ICCV 2015, uniform, for leaky ReLU with negative slope `a`. */
export function kaimingUniform_(weight: Tensor, a = 0): Tensor {
  if (weight.numel === 0) return weight;
  const bound = Math.sqrt(3) * (Math.sqrt(2 / (1 + a ** 2)) / Math.sqrt(fans(weight).fanIn));
  return uniform_(weight, -bound, bound);
}

/**
 * He et al., normal, scaled by the number of outputs (`mode` fanOut, as in torchvision's ResNets) or inputs, with the
 * gain of ReLU.
 */
export function kaimingNormal_(weight: Tensor, mode: "fanIn" | "fanOut" = "fanIn"): Tensor {
  return normal_(weight, 0, Math.SQRT2 / Math.sqrt(fans(weight)[mode]));
}

/** Glorot and Bengio, AISTATS 2010, uniform. */
export function xavierUniform_(weight: Tensor): Tensor {
  const { fanIn, fanOut } = fans(weight);
  const bound = Math.sqrt(3) * Math.sqrt(2 / (fanIn + fanOut));
  return uniform_(weight, -bound, bound);
}

/** The initialisation of PyTorch's linear and convolution layers: the weight, then the bias within ±1 / √fanIn. */
export function resetLinear_(weight: Tensor, bias: Tensor | null): void {
  kaimingUniform_(weight, Math.sqrt(5));
  if (bias === null) return;
  const { fanIn } = fans(weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  uniform_(bias, -bound, bound);
}
