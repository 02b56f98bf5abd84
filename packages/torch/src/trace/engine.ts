/**
 * Tensors that consist of shapes alone: the replacement for the addon while shapes are traced. It allocates no memory
 * and computes nothing.
 */
import { ArgumentError, TensorDisposedError } from "../errors.js";
import type { Handle } from "../native/addon.js";
import type { DType } from "../types.js";

interface Storage {
  bytes: number;
  /** Number of live handles to it. */
  handles: number;
}

/** A tensor without values. */
export interface Ghost {
  shape: number[];
  stride: number[];
  dtype: DType;
  device: string;
  requiresGrad: boolean;
  storage: Storage;
  /** 0 where the tensor belongs to no scope. */
  scope: number;
}

const bytesOf: Record<DType, number> = {
  float64: 8,
  int64: 8,
  float32: 4,
  int32: 4,
  bfloat16: 2,
  float16: 2,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

// Larger than every handle of the addon, so that the two kinds cannot be confused.
const firstHandle = 2 ** 52;

export const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

export function contiguousStride(shape: readonly number[]): number[] {
  const stride: number[] = [];
  let step = 1;
  for (const size of [...shape].reverse()) {
    stride.unshift(step);
    step *= Math.max(1, size);
  }
  return stride;
}

export function isContiguous({ shape, stride }: Ghost): boolean {
  const plain = contiguousStride(shape);
  return shape.every((size, dim) => size === 1 || stride[dim] === plain[dim]);
}

export class GhostEngine {
  gradEnabled = true;
  /** Bytes of the live storages, now and at the peak. */
  bytes = 0;
  peakBytes = 0;
  readonly #ghosts = new Map<Handle, Ghost>();
  readonly #scopes: { id: number; members: Handle[] }[] = [];
  #nextHandle = firstHandle;
  #nextScope = 1;

  get count(): number {
    return this.#ghosts.size;
  }
  get depth(): number {
    return this.#scopes.length;
  }

  /** @throws TensorDisposedError, ArgumentError for a tensor that was created outside of the trace */
  get(handle: Handle): Ghost {
    const ghost = this.#ghosts.get(handle);
    if (ghost !== undefined) return ghost;
    if (handle < firstHandle)
      throw new ArgumentError(
        "expected a tensor created within the trace, received one with values",
        "traceShapes",
      );
    throw new TensorDisposedError(
      "this tensor was disposed, by dispose() or at the end of the scope that created it",
      "traceShapes",
    );
  }

  has(handle: Handle): boolean {
    return this.#ghosts.has(handle);
  }

  /** A tensor with its own memory. */
  fresh(shape: readonly number[], dtype: DType, stride = contiguousStride(shape), device = "cpu"): Handle {
    const storage = { bytes: product(shape) * bytesOf[dtype], handles: 0 };
    return this.#add({ shape: [...shape], stride, dtype, device, requiresGrad: false, storage, scope: 0 });
  }

  /** A tensor that shares the memory of another. */
  view(of: Ghost, shape: readonly number[] = of.shape, stride: readonly number[] = of.stride): Handle {
    return this.#add({ ...of, shape: [...shape], stride: [...stride], requiresGrad: false });
  }

  dispose(handle: Handle): void {
    const ghost = this.#ghosts.get(handle);
    if (ghost === undefined) return;
    this.#ghosts.delete(handle);
    ghost.storage.handles--;
    if (ghost.storage.handles === 0) this.bytes -= ghost.storage.bytes;
  }

  beginScope(): number {
    this.#scopes.push({ id: this.#nextScope, members: [] });
    return this.#nextScope++;
  }

  endScope(id: number, survivors: readonly Handle[]): void {
    const scope = this.#scopes.pop();
    if (scope?.id !== id)
      throw new ArgumentError("scopes must end in the reverse order of their creation", "endScope");
    for (const handle of survivors) {
      const ghost = this.#ghosts.get(handle);
      if (ghost?.scope === id) this.#own(handle, ghost);
    }
    for (const handle of scope.members) if (this.#ghosts.get(handle)?.scope === id) this.dispose(handle);
  }

  keep(handle: Handle): void {
    this.get(handle).scope = 0;
  }

  #add(ghost: Ghost): Handle {
    const handle = this.#nextHandle++;
    this.#ghosts.set(handle, ghost);
    if (ghost.storage.handles === 0) this.bytes += ghost.storage.bytes;
    ghost.storage.handles++;
    this.peakBytes = Math.max(this.peakBytes, this.bytes);
    this.#own(handle, ghost);
    return handle;
  }

  #own(handle: Handle, ghost: Ghost): void {
    const scope = this.#scopes.at(-1);
    ghost.scope = scope?.id ?? 0;
    scope?.members.push(handle);
  }
}
