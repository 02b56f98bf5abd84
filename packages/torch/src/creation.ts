/** Tensors from typed arrays, constants, ranges, random numbers and files. */
import { ArgumentError } from "./errors.js";
import { native } from "./native/load.js";
import { wrap, type Tensor } from "./tensor.js";
import type { DType, TensorOptions, TypedArray } from "./types.js";

type Nested = number | Nested[];

function placed({ dtype = "float32", device = "cpu" }: TensorOptions): [DType, string] {
  return [dtype, device];
}

function dtypeOfArray(array: TypedArray): DType {
  if (array instanceof Float32Array) return "float32";
  if (array instanceof Float64Array) return "float64";
  if (array instanceof BigInt64Array) return "int64";
  if (array instanceof Int32Array) return "int32";
  if (array instanceof Int16Array) return "int16";
  if (array instanceof Int8Array) return "int8";
  return "uint8";
}

/**
 * A copy of a typed array in the given shape (default: one dimension), with the dtype of the array unless another one
 * is given.
 */
export function fromTypedArray(
  data: TypedArray,
  shape: number[] = [data.length],
  options: TensorOptions = {},
): Tensor {
  return wrap(
    native().fromTypedArray(data, shape, options.dtype ?? dtypeOfArray(data), options.device ?? "cpu"),
  );
}

/**
 * A tensor from a number or nested arrays of numbers; float32 unless a dtype is given. @throws ArgumentError where rows
 * differ in length
 */
export function tensor(values: Nested, options: TensorOptions = {}): Tensor {
  const shape: number[] = [];
  for (let level = values; Array.isArray(level); level = level[0] ?? 0) {
    shape.push(level.length);
    if (level.length === 0) break;
    if (shape.length > 25)
      throw new ArgumentError("expected at most 25 dimensions, received deeper arrays", "tensor");
  }
  const flat = new Float64Array(shape.reduce((product, size) => product * size, 1));
  let next = 0;
  const fill = (value: Nested, depth: number): void => {
    if (!Array.isArray(value)) {
      if (typeof value !== "number" || depth !== shape.length)
        throw new ArgumentError("expected numbers nested to the same depth", "tensor");
      flat[next++] = value;
      return;
    }
    if (value.length !== shape[depth]) {
      throw new ArgumentError(
        `expected ${shape[depth] ?? "no"} values at depth ${depth}, received ${value.length}`,
        "tensor",
      );
    }
    for (const item of value) fill(item, depth + 1);
  };
  fill(values, 0);
  const [dtype, device] = placed(options);
  return wrap(native().fromTypedArray(flat, shape, dtype, device));
}

/** Uninitialised memory: the values are not set. */
export function empty(shape: number[], options: TensorOptions = {}): Tensor {
  return wrap(native().empty(shape, ...placed(options)));
}
export function zeros(shape: number[], options: TensorOptions = {}): Tensor {
  return wrap(native().zeros(shape, ...placed(options)));
}
export function ones(shape: number[], options: TensorOptions = {}): Tensor {
  return wrap(native().ones(shape, ...placed(options)));
}
export function full(shape: number[], value: number, options: TensorOptions = {}): Tensor {
  return wrap(native().full(shape, value, ...placed(options)));
}
export function zerosLike(x: Tensor): Tensor {
  return zeros(x.shape, { dtype: x.dtype, device: x.device });
}
export function onesLike(x: Tensor): Tensor {
  return ones(x.shape, { dtype: x.dtype, device: x.device });
}
/** start, start + step, … up to but not including end. */
export function arange(start: number, end: number, step = 1, options: TensorOptions = {}): Tensor {
  return wrap(native().arange(start, end, step, ...placed(options)));
}
/** `steps` values from start to end, both included. */
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  return wrap(native().linspace(start, end, steps, ...placed(options)));
}
export function eye(n: number, options: TensorOptions = {}): Tensor {
  return wrap(native().eye(n, ...placed(options)));
}
/** Uniform on [0, 1), from this thread's generator. */
export function rand(shape: number[], options: TensorOptions = {}): Tensor {
  return wrap(native().rand(shape, ...placed(options)));
}
/** Standard normal, from this thread's generator. */
export function randn(shape: number[], options: TensorOptions = {}): Tensor {
  return wrap(native().randn(shape, ...placed(options)));
}
/** Integers low <= n < high; int64 unless a dtype is given. */
export function randint(low: number, high: number, shape: number[], options: TensorOptions = {}): Tensor {
  return wrap(native().randint(low, high, shape, ...placed({ dtype: "int64", ...options })));
}
/** A random permutation of 0..n-1; int64 unless a dtype is given. */
export function randperm(n: number, options: TensorOptions = {}): Tensor {
  return wrap(native().randperm(n, ...placed({ dtype: "int64", ...options })));
}
/** int64 indices drawn in proportion to `weights` (1 or 2 dimensions, not negative). */
export function multinomial(weights: Tensor, count: number, replacement = false): Tensor {
  return wrap(native().multinomial(weights.handle, count, replacement));
}
/**
 * The first `bytes` bytes of a file as a memory-mapped uint8 tensor; pages are read when they are used, and writes are
 * private.
 */
export function mapFile(path: string, bytes: number): Tensor {
  return wrap(native().mapFile(path, bytes));
}
