/**
 * Shape rules of ops that move values without computing: views, which share memory, and concatenations and selections,
 * which do not.
 */
import { ArgumentError } from "../errors.js";
import type { Addon, Handle } from "../native/addon.js";
import { contiguousStride, isContiguous, product, type Ghost, type GhostEngine } from "./engine.js";

export const dimOf = ({ shape }: { shape: number[] }, dim: number): number =>
  dim < 0 ? dim + shape.length : dim;

/** A list with one entry replaced. */
export const withAt = (sizes: readonly number[], dim: number, ...entries: number[]): number[] => [
  ...sizes.slice(0, dim),
  ...entries,
  ...sizes.slice(dim + 1),
];

/** Resolves -1 in a requested shape to the remaining size. */
function inferred(wanted: readonly number[], numel: number): number[] {
  const known = product(wanted.filter((size) => size !== -1));
  const shape = wanted.map((size) => (size === -1 ? numel / known : size));
  if (product(shape) === numel && shape.every(Number.isSafeInteger)) return shape;
  throw new ArgumentError(`shape [${wanted.join(", ")}] does not have ${numel} values`, "reshape");
}

/** Strides that view the same memory in another shape, as in libtorch; null where a copy is necessary. */
function viewStride({ shape, stride }: Ghost, wanted: readonly number[]): number[] | null {
  if (product(shape) === 0) return contiguousStride(wanted);
  const out: number[] = wanted.map(() => 1);
  let to = wanted.length - 1;
  let base = stride.at(-1) ?? 1;
  let [chunk, viewed] = [1, 1];
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    chunk *= shape[dim] ?? 1;
    const [outer, outerStride] = [shape[dim - 1] ?? 1, stride[dim - 1]];
    // A chunk ends where the next outer dimension is not contiguous with it.
    const ends = dim === 0 || (outer !== 1 && outerStride !== chunk * base);
    if (!ends) continue;
    while (to >= 0 && (viewed < chunk || wanted[to] === 1)) {
      out[to] = viewed * base;
      viewed *= wanted[to] ?? 1;
      to--;
    }
    if (viewed !== chunk) return null;
    if (dim > 0) [base, chunk, viewed] = [outerStride ?? 1, 1, 1];
  }
  return to === -1 ? out : null;
}

export function viewRules(engine: GhostEngine): Partial<Addon> {
  const of = (handle: Handle): Ghost => engine.get(handle);
  const reshape = (x: Handle, wanted: readonly number[]): Handle => {
    const ghost = of(x);
    const shape = inferred(wanted, product(ghost.shape));
    const stride = isContiguous(ghost) ? contiguousStride(shape) : viewStride(ghost, shape);
    return stride === null ? engine.fresh(shape, ghost.dtype) : engine.view(ghost, shape, stride);
  };
  const permute = (x: Handle, dims: readonly number[]): Handle => {
    const ghost = of(x);
    const from = dims.map((dim) => dimOf(ghost, dim));
    return engine.view(
      ghost,
      from.map((dim) => ghost.shape[dim] ?? 1),
      from.map((dim) => ghost.stride[dim] ?? 1),
    );
  };
  const narrow = (x: Handle, dim: number, length: number, step = 1): Handle => {
    const ghost = of(x);
    const at = dimOf(ghost, dim);
    return engine.view(
      ghost,
      withAt(ghost.shape, at, length),
      withAt(ghost.stride, at, (ghost.stride[at] ?? 1) * step),
    );
  };
  const drop = (x: Handle, dim: number): Handle => {
    const ghost = of(x);
    const at = dimOf(ghost, dim);
    return engine.view(ghost, withAt(ghost.shape, at), withAt(ghost.stride, at));
  };
  const parts = (x: Handle, size: number, dim: number): Handle[] => {
    const whole = of(x).shape[dimOf(of(x), dim)] ?? 0;
    return Array.from({ length: Math.max(1, Math.ceil(whole / size)) }, (_, k) =>
      narrow(x, dim, Math.min(size, whole - k * size)),
    );
  };
  return {
    view: reshape,
    reshape,
    permute,
    narrow: (x, dim, _start, length) => narrow(x, dim, length),
    transpose: (x, dim0, dim1) => {
      const [a, b] = [dimOf(of(x), dim0), dimOf(of(x), dim1)];
      return permute(
        x,
        of(x).shape.map((_, dim) => (dim === a ? b : dim === b ? a : dim)),
      );
    },
    squeeze: (x, dim) => {
      const ghost = of(x);
      const gone = (at: number) => ghost.shape[at] === 1 && (dim === undefined || at === dimOf(ghost, dim));
      return engine.view(
        ghost,
        ghost.shape.filter((_, at) => !gone(at)),
        ghost.stride.filter((_, at) => !gone(at)),
      );
    },
    unsqueeze: (x, dim) => {
      const ghost = of(x);
      const at = dim < 0 ? dim + ghost.shape.length + 1 : dim;
      const step = (ghost.stride[at] ?? 1) * (ghost.shape[at] ?? 1);
      return engine.view(
        ghost,
        [...ghost.shape.slice(0, at), 1, ...ghost.shape.slice(at)],
        [...ghost.stride.slice(0, at), step, ...ghost.stride.slice(at)],
      );
    },
    flatten: (x, startDim, endDim) => {
      const { shape } = of(x);
      const [start, end] = [dimOf(of(x), startDim), dimOf(of(x), endDim)];
      return reshape(x, [
        ...shape.slice(0, start),
        product(shape.slice(start, end + 1)),
        ...shape.slice(end + 1),
      ]);
    },
    expand: (x, wanted) => {
      const ghost = of(x);
      const more = wanted.length - ghost.shape.length;
      const shape = wanted.map((size, dim) => (size === -1 ? (ghost.shape[dim - more] ?? 1) : size));
      const stride = shape.map((size, dim) =>
        dim >= more && ghost.shape[dim - more] === size ? (ghost.stride[dim - more] ?? 0) : 0,
      );
      return engine.view(ghost, shape, stride);
    },
    split: parts,
    chunk: (x, chunks, dim) => parts(x, Math.ceil((of(x).shape[dimOf(of(x), dim)] ?? 0) / chunks), dim),
    unbind: (x, dim) => Array.from({ length: of(x).shape[dimOf(of(x), dim)] ?? 0 }, () => drop(x, dim)),
    select: (x, dim) => drop(x, dim),
    slice: (x, dim, start, end, step) => {
      const size = of(x).shape[dimOf(of(x), dim)] ?? 0;
      const placed = (at: number) => Math.min(size, Math.max(0, at < 0 ? at + size : at));
      return narrow(x, dim, Math.max(0, Math.ceil((placed(end ?? size) - placed(start ?? 0)) / step)), step);
    },
    alias: (x) => engine.view(of(x)),
    detach: (x) => engine.view(of(x)),
    setFunctionCaller: () => undefined,
    takeReleasedFunctions: () => [],
    attachFunction: (_id, _inputs, outputs) => outputs.map((output) => engine.view(of(output))),
    contiguous: (x) => (isContiguous(of(x)) ? engine.view(of(x)) : engine.fresh(of(x).shape, of(x).dtype)),
    clone: (x) => engine.fresh(of(x).shape, of(x).dtype),
    toDtype: (x, dtype) => (of(x).dtype === dtype ? engine.view(of(x)) : engine.fresh(of(x).shape, dtype)),
    toDevice: (x) => engine.view(of(x)),

    repeat: (x, times) => {
      const padded = [...times.slice(0, times.length - of(x).shape.length).map(() => 1), ...of(x).shape];
      return engine.fresh(
        padded.map((size, dim) => size * (times[dim] ?? 1)),
        of(x).dtype,
      );
    },
    cat: (tensors, dim) => {
      const ghosts = tensors.map(of);
      const [first] = ghosts;
      if (first === undefined) throw new ArgumentError("expected at least one tensor", "cat");
      const at = dimOf(first, dim);
      const size = ghosts.reduce((sum, { shape }) => sum + (shape[at] ?? 0), 0);
      return engine.fresh(withAt(first.shape, at, size), first.dtype);
    },
    stack: (tensors, dim) => {
      const first = of(tensors[0] ?? -1);
      const at = dim < 0 ? dim + first.shape.length + 1 : dim;
      return engine.fresh(
        [...first.shape.slice(0, at), tensors.length, ...first.shape.slice(at)],
        first.dtype,
      );
    },
    indexSelect: (x, dim, index) =>
      engine.fresh(withAt(of(x).shape, dimOf(of(x), dim), product(of(index).shape)), of(x).dtype),
    gather: (x, _dim, index) => engine.fresh(of(index).shape, of(x).dtype),
    scatterAdd: (x) => engine.fresh(of(x).shape, of(x).dtype),
    flip: (x) => engine.fresh(of(x).shape, of(x).dtype),
    roll: (x) => engine.fresh(of(x).shape, of(x).dtype),
    pad: (x, padding) => {
      const { shape, dtype } = of(x);
      const added = (dim: number) => {
        const at = 2 * (shape.length - 1 - dim);
        return (padding[at] ?? 0) + (padding[at + 1] ?? 0);
      };
      return engine.fresh(
        shape.map((size, dim) => size + added(dim)),
        dtype,
      );
    },
  };
}
