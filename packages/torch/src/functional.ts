/** The functions behind layers and losses. Names and defaults are those of torch.nn.functional, in camelCase. */
import { native } from "./native/load.js";
import { handlesOf, wrap, type Tensor } from "./tensor.js";

/** One number for all dimensions, or one per dimension. */
export type Size = number | number[];
export type Reduction = "none" | "mean" | "sum";

export interface ConvolutionOptions {
  stride?: Size;
  padding?: Size;
  dilation?: Size;
  groups?: number;
}
export interface PoolOptions {
  /** Default: the kernel size. */
  stride?: Size;
  padding?: Size;
}
type Maybe = Tensor | null | undefined;
const handleOf = (tensor: Maybe): number | null => tensor?.handle ?? null;

// ── Joins and choices ───────────────────────────────────────────────────────
export function cat(tensors: Tensor[], dim = 0): Tensor {
  return wrap(native().cat(handlesOf(tensors), dim));
}
export function stack(tensors: Tensor[], dim = 0): Tensor {
  return wrap(native().stack(handlesOf(tensors), dim));
}
/** x where condition (bool) is true, else y. */
export function where(condition: Tensor, x: Tensor, y: Tensor): Tensor {
  return wrap(native().where(condition.handle, x.handle, y.handle));
}
/** int64 classes → int64 zeros and ones with a last dimension of `classes`. */
export function oneHot(x: Tensor, classes: number): Tensor {
  return wrap(native().oneHot(x.handle, classes));
}

// ── Linear and convolution ──────────────────────────────────────────────────
/** x_...I, weight_OI, bias_O → y_...O */
export function linear(x: Tensor, weight: Tensor, bias?: Maybe): Tensor {
  return wrap(native().linear(x.handle, weight.handle, handleOf(bias)));
}
/** x_NCL, weight_OIL (I = C / groups), bias_O → y_NOL */
export function conv1d(
  x: Tensor,
  weight: Tensor,
  bias?: Maybe,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvolutionOptions = {},
): Tensor {
  return wrap(native().conv1d(x.handle, weight.handle, handleOf(bias), stride, padding, dilation, groups));
}
/** x_NCHW, weight_OIHW (I = C / groups), bias_O → y_NOHW */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias?: Maybe,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvolutionOptions = {},
): Tensor {
  return wrap(native().conv2d(x.handle, weight.handle, handleOf(bias), stride, padding, dilation, groups));
}
/** x_NCDHW, weight_OIDHW (I = C / groups), bias_O → y_NODHW */
export function conv3d(
  x: Tensor,
  weight: Tensor,
  bias?: Maybe,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvolutionOptions = {},
): Tensor {
  return wrap(native().conv3d(x.handle, weight.handle, handleOf(bias), stride, padding, dilation, groups));
}

// ── Normalisation ───────────────────────────────────────────────────────────
export interface BatchNormOptions {
  weight?: Maybe;
  bias?: Maybe;
  /** Updated in place during training. */
  runningMean?: Maybe;
  runningVar?: Maybe;
  training?: boolean;
  momentum?: number;
  eps?: number;
}
/** Normalises over every dimension of x_NC... except the channels. */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  const { training = false, momentum = 0.1, eps = 1e-5 } = options;
  const { weight, bias, runningMean, runningVar } = options;
  return wrap(
    native().batchNorm(
      x.handle,
      handleOf(weight),
      handleOf(bias),
      handleOf(runningMean),
      handleOf(runningVar),
      training,
      momentum,
      eps,
    ),
  );
}
/** Normalises over the last dimensions, whose sizes are `normalizedShape`. */
export function layerNorm(
  x: Tensor,
  normalizedShape: number[],
  weight?: Maybe,
  bias?: Maybe,
  eps = 1e-5,
): Tensor {
  return wrap(native().layerNorm(x.handle, normalizedShape, handleOf(weight), handleOf(bias), eps));
}
export function groupNorm(x: Tensor, groups: number, weight?: Maybe, bias?: Maybe, eps = 1e-5): Tensor {
  return wrap(native().groupNorm(x.handle, groups, handleOf(weight), handleOf(bias), eps));
}

// ── Pooling ─────────────────────────────────────────────────────────────────
export function maxPool1d(
  x: Tensor,
  kernel: Size,
  { stride = kernel, padding = 0 }: PoolOptions = {},
): Tensor {
  return wrap(native().maxPool1d(x.handle, kernel, stride, padding));
}
export function maxPool2d(
  x: Tensor,
  kernel: Size,
  { stride = kernel, padding = 0 }: PoolOptions = {},
): Tensor {
  return wrap(native().maxPool2d(x.handle, kernel, stride, padding));
}
export function maxPool3d(
  x: Tensor,
  kernel: Size,
  { stride = kernel, padding = 0 }: PoolOptions = {},
): Tensor {
  return wrap(native().maxPool3d(x.handle, kernel, stride, padding));
}
export function avgPool2d(
  x: Tensor,
  kernel: Size,
  options: PoolOptions & { countIncludePad?: boolean } = {},
): Tensor {
  const { stride = kernel, padding = 0, countIncludePad = true } = options;
  return wrap(native().avgPool2d(x.handle, kernel, stride, padding, countIncludePad));
}
export function avgPool3d(
  x: Tensor,
  kernel: Size,
  options: PoolOptions & { countIncludePad?: boolean } = {},
): Tensor {
  const { stride = kernel, padding = 0, countIncludePad = true } = options;
  return wrap(native().avgPool3d(x.handle, kernel, stride, padding, countIncludePad));
}
export function adaptiveAvgPool2d(x: Tensor, outputSize: Size): Tensor {
  return wrap(native().adaptiveAvgPool2d(x.handle, outputSize));
}
export function adaptiveAvgPool3d(x: Tensor, outputSize: Size): Tensor {
  return wrap(native().adaptiveAvgPool3d(x.handle, outputSize));
}
export function adaptiveMaxPool2d(x: Tensor, outputSize: Size): Tensor {
  return wrap(native().adaptiveMaxPool2d(x.handle, outputSize));
}
export function adaptiveMaxPool3d(x: Tensor, outputSize: Size): Tensor {
  return wrap(native().adaptiveMaxPool3d(x.handle, outputSize));
}

// ── Activations and dropout ─────────────────────────────────────────────────
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  return wrap(native().leakyRelu(x.handle, negativeSlope));
}
export function softplus(x: Tensor): Tensor {
  return wrap(native().softplus(x.handle));
}
export function silu(x: Tensor): Tensor {
  return wrap(native().silu(x.handle));
}
/** Zeroes values with probability p during training, and scales the rest by 1 / (1 - p). */
export function dropout(x: Tensor, p = 0.5, training = true): Tensor {
  return wrap(native().dropout(x.handle, p, training));
}
/** Zeroes whole channels of x_NC... : PyTorch's dropout2d and dropout3d. */
export function featureDropout(x: Tensor, p = 0.5, training = true): Tensor {
  return wrap(native().featureDropout(x.handle, p, training));
}

// ── Resampling ──────────────────────────────────────────────────────────────
export interface InterpolateOptions {
  /** trilinear for x_NCDHW, bilinear and bicubic (Keys, a = -0.75) for x_NCHW. */
  mode?: "nearest" | "bilinear" | "bicubic" | "trilinear";
  alignCorners?: boolean;
  /** Low-pass filter when shrinking; only for bilinear and bicubic. */
  antialias?: boolean;
}
/** Resamples x_NCHW or x_NCDHW to the spatial `size`; scales follow from the sizes. */
export function interpolate(
  x: Tensor,
  size: Size,
  { mode = "nearest", alignCorners = false, antialias = false }: InterpolateOptions = {},
): Tensor {
  return wrap(native().interpolate(x.handle, size, mode, alignCorners, antialias));
}
/**
 * theta_N23 with size [N, C, H, W] → grid_NHW2, or theta_N34 with [N, C, D, H, W] → grid_NDHW3; coordinates -1..1, x
 * first.
 */
export function affineGrid(theta: Tensor, size: number[], { alignCorners = false } = {}): Tensor {
  return wrap(native().affineGrid(theta.handle, size, alignCorners));
}
export interface GridSampleOptions {
  mode?: "bilinear" | "nearest";
  paddingMode?: "zeros" | "border" | "reflection";
  alignCorners?: boolean;
}
/** Samples x_NCHW at grid_NHW2, or x_NCDHW at grid_NDHW3. */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  const { mode = "bilinear", paddingMode = "zeros", alignCorners = false } = options;
  return wrap(native().gridSample(x.handle, grid.handle, mode, paddingMode, alignCorners));
}
/** Rows of weight_VE at int64 indices → ..., E */
export function embedding(index: Tensor, weight: Tensor): Tensor {
  return wrap(native().embedding(weight.handle, index.handle));
}

// ── Attention ───────────────────────────────────────────────────────────────
export interface ScaledDotProductAttentionOptions {
  /** Broadcasts to B, H, T, S. bool: true where a key takes part; floating: added to the scores. */
  mask?: Maybe;
  /** Dropout probability of attention weights. Default 0. */
  dropout?: number;
  /** Each query only attends to keys up to its own position. It cannot be combined with a mask. */
  causal?: boolean;
}
/**
 * softmax(query · keyᵀ / √D) · value. B batch, H heads, T queries, S keys, D width; value_BHSE may have another width.
 * Since libtorch 2.0 it is one fused operation. A query whose keys are all masked gives NaN.
 * @returns B, H, T, E   @throws ArgumentError where shapes are not compatible
 */
export function scaledDotProductAttention(
  query_BHTD: Tensor,
  key_BHSD: Tensor,
  value_BHSE: Tensor,
  { mask = null, dropout: p = 0, causal = false }: ScaledDotProductAttentionOptions = {},
): Tensor {
  const { handle } = query_BHTD;
  return wrap(
    native().scaledDotProductAttention(handle, key_BHSD.handle, value_BHSE.handle, handleOf(mask), p, causal),
  );
}

// ── Losses ──────────────────────────────────────────────────────────────────
export interface CrossEntropyOptions {
  /** Weight of each class, C. */
  weight?: Maybe;
  reduction?: Reduction;
  ignoreIndex?: number;
  labelSmoothing?: number;
}
/** logits_NC... against int64 classes target_N..., or against probabilities of the shape of logits. */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { weight, reduction = "mean", ignoreIndex = -100, labelSmoothing = 0 } = options;
  return wrap(
    native().crossEntropy(
      logits.handle,
      target.handle,
      handleOf(weight),
      reduction,
      ignoreIndex,
      labelSmoothing,
    ),
  );
}
export interface BinaryCrossEntropyOptions {
  weight?: Maybe;
  /** Weight of positive targets. */
  positiveWeight?: Maybe;
  reduction?: Reduction;
}
/** logits against targets 0..1 of the same shape. */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyOptions = {},
): Tensor {
  const { weight, positiveWeight, reduction = "mean" } = options;
  return wrap(
    native().binaryCrossEntropyWithLogits(
      logits.handle,
      target.handle,
      handleOf(weight),
      handleOf(positiveWeight),
      reduction,
    ),
  );
}
export function mseLoss(x: Tensor, target: Tensor, reduction: Reduction = "mean"): Tensor {
  return wrap(native().mseLoss(x.handle, target.handle, reduction));
}

/**
 * Gated recurrent unit over x_BSI with hidden_LBH; gates in PyTorch's order reset, update, new.
 * @param parameters weight_ih, weight_hh, bias_ih, bias_hh of each layer (and direction)
 */
export function gru(
  x: Tensor,
  hidden: Tensor,
  parameters: Tensor[],
  options: { layers: number; training: boolean; bidirectional: boolean },
): { output: Tensor; hidden: Tensor } {
  const { layers, training, bidirectional } = options;
  const [output, last] = native()
    .gru(x.handle, hidden.handle, handlesOf(parameters), layers, 0, training, bidirectional)
    .map(wrap);
  if (output === undefined || last === undefined)
    throw new Error("gru: expected output and hidden from the addon");
  return { output, hidden: last };
}
