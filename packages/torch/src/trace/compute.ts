/** Shape rules of elementwise ops, reductions and layers. */
import { ArgumentError } from "../errors.js";
import type { Addon, Handle } from "../native/addon.js";
import type { DType } from "../types.js";
import { contiguousStride, product, type Ghost, type GhostEngine } from "./engine.js";
import { dimOf, withAt } from "./views.js";

type Sizes = number | number[];
const at = (sizes: Sizes, dim: number): number => (typeof sizes === "number" ? sizes : (sizes[dim] ?? 0));

/** The broadcast shape of two operands. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const dims = Math.max(a.length, b.length);
  return Array.from({ length: dims }, (_, dim) => {
    const [one, other] = [a[dim - dims + a.length] ?? 1, b[dim - dims + b.length] ?? 1];
    if (one !== other && one !== 1 && other !== 1)
      throw new ArgumentError(
        `shapes [${a.join(", ")}] and [${b.join(", ")}] cannot be broadcast`,
        "traceShapes",
      );
    return one === 1 ? other : one;
  });
}

const ranks: DType[] = [
  "bool",
  "uint8",
  "int8",
  "int16",
  "int32",
  "int64",
  "bfloat16",
  "float16",
  "float32",
  "float64",
];
const isWhole = (dtype: DType) => ranks.indexOf(dtype) < ranks.indexOf("bfloat16");

function promoted(a: Ghost, b: Ghost): DType {
  // A tensor without dimensions does not decide the dtype among tensors of the same kind.
  if (a.shape.length === 0 && b.shape.length > 0 && (isWhole(a.dtype) || !isWhole(b.dtype))) return b.dtype;
  if (b.shape.length === 0 && a.shape.length > 0 && (isWhole(b.dtype) || !isWhole(a.dtype))) return a.dtype;
  return ranks.indexOf(a.dtype) >= ranks.indexOf(b.dtype) ? a.dtype : b.dtype;
}

/** The layout of a result follows an operand that fills its memory without gaps. */
function layoutLike({ shape, stride }: Ghost): number[] {
  const order = shape.map((_, dim) => dim).sort((a, b) => (stride[a] ?? 0) - (stride[b] ?? 0) || b - a);
  let step = 1;
  for (const dim of order) {
    if (shape[dim] !== 1 && stride[dim] !== step) return contiguousStride(shape);
    step *= shape[dim] ?? 1;
  }
  return [...stride];
}

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((n, k) => n === b[k]);

const unaryNames = [
  "neg",
  "abs",
  "exp",
  "log",
  "log1p",
  "sqrt",
  "rsqrt",
  "square",
  "reciprocal",
  "floor",
  "ceil",
  "round",
  "sign",
  "sin",
  "cos",
  "erf",
  "relu",
  "sigmoid",
  "tanh",
  "gelu",
  "leakyRelu",
  "softplus",
  "silu",
  "clamp",
  "lerp",
] as const;
const binaryNames = ["add", "sub", "mul", "div", "pow", "remainder"] as const;
const comparisonNames = ["eq", "ne", "lt", "le", "gt", "ge"] as const;
const reductionNames = ["sum", "mean", "amax", "amin", "logsumexp", "variance", "std", "norm"] as const;
const oneDimNames = ["prod", "any", "all", "argmax", "argmin"] as const;

function table<Name extends keyof Addon>(
  names: readonly Name[],
  rule: (name: Name) => Addon[Name],
): Partial<Addon> {
  const rules: Partial<Addon> = {};
  for (const name of names) Object.assign(rules, { [name]: rule(name) });
  return rules;
}

export function valueRules(engine: GhostEngine): Partial<Addon> {
  const of = (handle: Handle): Ghost => engine.get(handle);
  const like = (x: Ghost, dtype: DType = x.dtype): Handle => engine.fresh(x.shape, dtype, layoutLike(x));
  const joined = (a: Ghost, b: Ghost, dtype: DType): Handle => {
    const shape = broadcast(a.shape, b.shape);
    const whole = [a, b].find((ghost) => sameShape(ghost.shape, shape));
    return engine.fresh(shape, dtype, whole === undefined ? contiguousStride(shape) : layoutLike(whole));
  };
  const plain = (x: Handle): Handle => engine.fresh(of(x).shape, of(x).dtype);
  const reduced = (x: Handle, dims: Sizes | undefined, keepdim: boolean, dtype: DType): Handle => {
    const { shape } = of(x);
    const gone =
      dims === undefined ? shape.map((_, dim) => dim) : [dims].flat().map((dim) => dimOf(of(x), dim));
    const left = shape.map((size, dim) => (gone.includes(dim) ? 1 : size));
    return engine.fresh(keepdim ? left : left.filter((_, dim) => !gone.includes(dim)), dtype);
  };
  const ordered = (x: Handle, dim: number, size?: number): Handle[] => {
    const { shape, dtype } = of(x);
    const sorted = size === undefined ? shape : withAt(shape, dimOf(of(x), dim), size);
    return [engine.fresh(sorted, dtype), engine.fresh(sorted, "int64")];
  };
  const floating = (dtype: DType): DType => (isWhole(dtype) ? "float32" : dtype);
  const binary = (name: string) => (x: Handle, other: number, scalar: boolean) => {
    const wanted = (dtype: DType) => (name === "div" ? floating(dtype) : dtype);
    if (scalar) return like(of(x), wanted(Number.isInteger(other) ? of(x).dtype : floating(of(x).dtype)));
    return joined(of(x), of(other), wanted(promoted(of(x), of(other))));
  };
  const unlessOff = (x: Handle, p: number, train: boolean) =>
    p === 0 || !train ? engine.view(of(x)) : like(of(x));
  return {
    ...table(unaryNames, () => (x: Handle) => like(of(x))),
    ...table(binaryNames, binary),
    ...table(
      comparisonNames,
      () => (x: Handle, other: number, scalar: boolean) =>
        scalar ? like(of(x), "bool") : joined(of(x), of(other), "bool"),
    ),
    ...table(
      reductionNames,
      (name) => (x: Handle, dims: Sizes | undefined, keepdim: boolean) =>
        reduced(x, dims, keepdim, name === "sum" && isWhole(of(x).dtype) ? "int64" : of(x).dtype),
    ),
    ...table(
      oneDimNames,
      (name) => (x: Handle, dim: number | undefined, keepdim: boolean) =>
        reduced(x, dim, keepdim, name.startsWith("arg") ? "int64" : name === "prod" ? of(x).dtype : "bool"),
    ),
    isnan: (x) => like(of(x), "bool"),
    isfinite: (x) => like(of(x), "bool"),
    logicalNot: (x) => like(of(x), "bool"),
    logicalAnd: (x, other) => joined(of(x), of(other), "bool"),
    logicalOr: (x, other) => joined(of(x), of(other), "bool"),
    maximum: (x, other) => joined(of(x), of(other), promoted(of(x), of(other))),
    minimum: (x, other) => joined(of(x), of(other), promoted(of(x), of(other))),
    maskedFill: (x, mask) => joined(of(x), { ...of(mask), dtype: of(x).dtype }, of(x).dtype),
    where: (condition, x, y) => {
      const shape = broadcast(of(condition).shape, broadcast(of(x).shape, of(y).shape));
      return engine.fresh(shape, promoted(of(x), of(y)));
    },
    dropout: unlessOff,
    featureDropout: unlessOff,
    softmax: plain,
    logSoftmax: plain,
    cumsum: plain,
    max: (x, dim, keepdim) =>
      dim === undefined
        ? reduced(x, undefined, false, of(x).dtype)
        : [reduced(x, dim, keepdim, of(x).dtype), reduced(x, dim, keepdim, "int64")],
    min: (x, dim, keepdim) =>
      dim === undefined
        ? reduced(x, undefined, false, of(x).dtype)
        : [reduced(x, dim, keepdim, of(x).dtype), reduced(x, dim, keepdim, "int64")],
    topk: (x, k, dim) => ordered(x, dim, k),
    sort: (x, dim) => ordered(x, dim),
    oneHot: (x, classes) => engine.fresh([...of(x).shape, classes], "int64"),
  };
}

export function layerRules(engine: GhostEngine): Partial<Addon> {
  const of = (handle: Handle): Ghost => engine.get(handle);
  const plain = (x: Handle): Handle => engine.fresh(of(x).shape, of(x).dtype);
  const spatial = (x: Handle, channels: number, size: (input: number, dim: number) => number): Handle => {
    const [batch = 1, , ...sides] = of(x).shape;
    const left = sides.map(size);
    if (left.some((side) => side < 1))
      throw new ArgumentError(
        `an input of shape [${of(x).shape.join(", ")}] is smaller than the window`,
        "traceShapes",
      );
    return engine.fresh([batch, channels, ...left], of(x).dtype);
  };
  const windows = (input: number, kernel: number, stride: number, padding: number, dilation = 1) =>
    Math.floor((input + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
  const convolution: Addon["conv2d"] = (x, weight, _bias, stride, padding, dilation, groups) => {
    const [outputs = 0, inputs = 0, ...kernel] = of(weight).shape;
    const [, channels] = of(x).shape;
    if (channels !== inputs * groups)
      throw new ArgumentError(
        `expected ${inputs * groups} channels, received ${channels ?? 0}`,
        "traceShapes",
      );
    return spatial(x, outputs, (input, dim) =>
      windows(input, kernel[dim] ?? 1, at(stride, dim), at(padding, dim), at(dilation, dim)),
    );
  };
  const pool = (x: Handle, kernel: Sizes, stride: Sizes, padding: Sizes): Handle =>
    spatial(x, of(x).shape[1] ?? 1, (input, dim) =>
      windows(input, at(kernel, dim), at(stride, dim), at(padding, dim)),
    );
  const adaptive = (x: Handle, size: Sizes): Handle =>
    spatial(x, of(x).shape[1] ?? 1, (_, dim) => at(size, dim));
  const loss = (x: Handle, shape: readonly number[], reduction: string): Handle =>
    engine.fresh(reduction === "none" ? shape : [], of(x).dtype);
  const matmul = (x: Handle, other: Handle): Handle => {
    const [a, b] = [of(x).shape, of(other).shape];
    if (a.at(-1) !== (b.length < 2 ? b[0] : b.at(-2)))
      throw new ArgumentError(`shapes [${a.join(", ")}] and [${b.join(", ")}] cannot be broadcast`, "matmul");
    if (a.length < 2 || b.length < 2) {
      const outer = [...a.slice(0, -1), ...(b.length < 2 ? [] : [...b.slice(0, -2), ...b.slice(-1)])];
      return engine.fresh(outer, of(x).dtype);
    }
    const outer = broadcast(a.slice(0, -2), b.slice(0, -2));
    return engine.fresh([...outer, a.at(-2) ?? 1, b.at(-1) ?? 1], of(x).dtype);
  };
  return {
    linear: (x, weight) => {
      const { shape } = of(x);
      const [outputs = 0, inputs] = of(weight).shape;
      if (shape.at(-1) !== inputs)
        throw new ArgumentError(`expected ${inputs ?? 0} inputs, received ${shape.at(-1) ?? 0}`, "linear");
      return engine.fresh([...shape.slice(0, -1), outputs], of(x).dtype);
    },
    matmul,
    bmm: matmul,
    scaledDotProductAttention: (query, _key, value) =>
      engine.fresh([...of(query).shape.slice(0, -1), of(value).shape.at(-1) ?? 0], of(query).dtype),
    conv1d: convolution,
    conv2d: convolution,
    conv3d: convolution,
    batchNorm: plain,
    layerNorm: plain,
    groupNorm: plain,
    maxPool1d: pool,
    maxPool2d: pool,
    maxPool3d: pool,
    avgPool2d: pool,
    avgPool3d: pool,
    adaptiveAvgPool2d: adaptive,
    adaptiveAvgPool3d: adaptive,
    adaptiveMaxPool2d: adaptive,
    adaptiveMaxPool3d: adaptive,
    interpolate: adaptive,
    embedding: (weight, index) =>
      engine.fresh([...of(index).shape, of(weight).shape[1] ?? 0], of(weight).dtype),
    crossEntropy: (logits, _target, _weight, reduction) =>
      loss(logits, withAt(of(logits).shape, of(logits).shape.length > 1 ? 1 : 0), reduction),
    binaryCrossEntropyWithLogits: (logits, _target, _weight, _positive, reduction) =>
      loss(logits, of(logits).shape, reduction),
    mseLoss: (x, _target, reduction) => loss(x, of(x).shape, reduction),
    gru: (x, hidden, _parameters, _layers, _dropout, _train, bidirectional) => {
      const [batch = 1, steps = 1] = of(x).shape;
      const width = (of(hidden).shape[2] ?? 0) * (bidirectional ? 2 : 1);
      // libtorch iterates over steps first and transposes the result.
      const output = engine.fresh([batch, steps, width], of(x).dtype, [width, batch * width, 1]);
      return [output, engine.fresh(of(hidden).shape, of(x).dtype)];
    },
  };
}

/** Number of multiply-adds of the ops that compute products, from the shapes of their inputs and output. */
export type ProductName =
  "linear" | "matmul" | "bmm" | "scaledDotProductAttention" | "conv1d" | "conv2d" | "conv3d" | "gru";

export function multiplyAdds(
  op: ProductName,
  [x = [], weight = []]: readonly number[][],
  output: readonly number[],
): number {
  switch (op) {
    case "linear":
    case "matmul":
    case "bmm":
      return product(output) * (x.at(-1) ?? 1);
    case "scaledDotProductAttention": {
      // Scores of each query with each key, and the weighted sum of the values.
      const [width = 1, keys = 1] = [x.at(-1), weight.at(-2)];
      return product(output.slice(0, -1)) * keys * (width + (output.at(-1) ?? 1));
    }
    case "conv1d":
    case "conv2d":
    case "conv3d":
      return product(output) * product(weight.slice(1));
    case "gru": {
      // Three gates, each a product with the input and one with the state; output holds both directions.
      const [batch = 1, steps = 1, inputs = 1] = x;
      const [layersAndDirections = 1, , hidden = 1] = weight;
      const directions = Math.round((output[2] ?? 0) / hidden);
      const layers = layersAndDirections / directions;
      const deeper = (layers - 1) * (directions * hidden + hidden);
      return batch * steps * directions * 3 * hidden * (inputs + hidden + deeper);
    }
  }
}
