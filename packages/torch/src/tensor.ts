/** Tensor: a thin class over an integer handle into libtorch. Methods are PyTorch's, in camelCase. */
import { ArgumentError } from "./errors.js";
import type { Handle } from "./native/addon.js";
import { native } from "./native/load.js";
import { TensorHandle } from "./tensor-handle.js";
import type { DType, MemoryFormat } from "./types.js";

type Operand = Tensor | number;
type Dims = number | number[];

/** Wraps a handle that the addon returned. */
export function wrap(handle: Handle): Tensor {
  return new Tensor(handle);
}

/** The handles of a list; stops at the first hole of a sparse array. */
export function handlesOf(tensors: readonly Tensor[]): Handle[] {
  const handles: Handle[] = [];
  for (const tensor of tensors) handles.push(tensor.handle);
  return handles;
}

export class Tensor extends TensorHandle {
  // ── Casts and copies ──────────────────────────────────────────────────────
  /** The tensor itself where nothing changes (a second handle to it), else a converted copy. */
  to(options: {
    dtype?: DType;
    device?: string;
    memoryFormat?: MemoryFormat;
    nonBlocking?: boolean;
  }): Tensor {
    const steps: ((x: Tensor) => Handle)[] = [];
    const { dtype, device, memoryFormat } = options;
    if (device !== undefined)
      steps.push((x) => native().toDevice(x.handle, device, options.nonBlocking ?? false));
    if (dtype !== undefined) steps.push((x) => native().toDtype(x.handle, dtype));
    if (memoryFormat !== undefined) steps.push((x) => native().toMemoryFormat(x.handle, memoryFormat));
    if (steps.length === 0) return wrap(native().alias(this.handle));
    let current: Tensor | undefined;
    for (const step of steps) {
      const next = wrap(step(current ?? this));
      current?.dispose();
      current = next;
    }
    return current ?? this;
  }
  contiguous(format: MemoryFormat = "contiguous"): Tensor {
    return wrap(native().contiguous(this.handle, format));
  }
  clone(): Tensor {
    return wrap(native().clone(this.handle));
  }
  /** A second handle to the same memory and graph: for a function that returns its input. */
  alias(): Tensor {
    return wrap(native().alias(this.handle));
  }
  /** Copies `source` into this tensor, broadcasting and converting. */
  copy_(source: Tensor): this {
    native().copy_(this.handle, source.handle);
    return this;
  }

  // ── Shape ─────────────────────────────────────────────────────────────────
  view(...shape: number[]): Tensor {
    return wrap(native().view(this.handle, shape));
  }
  reshape(...shape: number[]): Tensor {
    return wrap(native().reshape(this.handle, shape));
  }
  /** The same bytes, reinterpreted as another dtype. */
  viewDtype(dtype: DType): Tensor {
    return wrap(native().viewDtype(this.handle, dtype));
  }
  permute(...dims: number[]): Tensor {
    return wrap(native().permute(this.handle, dims));
  }
  transpose(dim0: number, dim1: number): Tensor {
    return wrap(native().transpose(this.handle, dim0, dim1));
  }
  squeeze(dim?: number): Tensor {
    return wrap(native().squeeze(this.handle, dim));
  }
  unsqueeze(dim: number): Tensor {
    return wrap(native().unsqueeze(this.handle, dim));
  }
  flatten(startDim = 0, endDim = -1): Tensor {
    return wrap(native().flatten(this.handle, startDim, endDim));
  }
  expand(...shape: number[]): Tensor {
    return wrap(native().expand(this.handle, shape));
  }
  repeat(...times: number[]): Tensor {
    return wrap(native().repeat(this.handle, times));
  }
  split(size: number, dim = 0): Tensor[] {
    return native().split(this.handle, size, dim).map(wrap);
  }
  chunk(chunks: number, dim = 0): Tensor[] {
    return native().chunk(this.handle, chunks, dim).map(wrap);
  }
  unbind(dim = 0): Tensor[] {
    return native().unbind(this.handle, dim).map(wrap);
  }
  select(dim: number, index: number): Tensor {
    return wrap(native().select(this.handle, dim, index));
  }
  narrow(dim: number, start: number, length: number): Tensor {
    return wrap(native().narrow(this.handle, dim, start, length));
  }
  /** Python's `x[start:end:step]` along one dimension. */
  slice(dim: number, start?: number, end?: number, step = 1): Tensor {
    return wrap(native().slice(this.handle, dim, start, end, step));
  }
  /** @param index int64, one dimension */
  indexSelect(dim: number, index: Tensor): Tensor {
    return wrap(native().indexSelect(this.handle, dim, index.handle));
  }
  gather(dim: number, index: Tensor): Tensor {
    return wrap(native().gather(this.handle, dim, index.handle));
  }
  scatterAdd(dim: number, index: Tensor, source: Tensor): Tensor {
    return wrap(native().scatterAdd(this.handle, dim, index.handle, source.handle));
  }
  maskedSelect(mask: Tensor): Tensor {
    return wrap(native().maskedSelect(this.handle, mask.handle));
  }
  /** Replaces values by `value` where mask (bool) is true. */
  maskedFill(mask: Tensor, value: number): Tensor {
    return wrap(native().maskedFill(this.handle, mask.handle, value));
  }
  flip(...dims: number[]): Tensor {
    return wrap(native().flip(this.handle, dims));
  }
  roll(shifts: number[], dims: number[]): Tensor {
    return wrap(native().roll(this.handle, shifts, dims));
  }
  /** @param padding padding before and after the last dimension, then the one before it, … */
  pad(
    padding: number[],
    mode: "constant" | "reflect" | "replicate" | "circular" = "constant",
    value?: number,
  ): Tensor {
    return wrap(native().pad(this.handle, padding, mode, value));
  }
  tril(diagonal = 0): Tensor {
    return wrap(native().tril(this.handle, diagonal));
  }
  triu(diagonal = 0): Tensor {
    return wrap(native().triu(this.handle, diagonal));
  }

  // ── Arithmetic ────────────────────────────────────────────────────────────
  add(other: Operand): Tensor {
    return wrap(
      typeof other === "number"
        ? native().add(this.handle, other, true)
        : native().add(this.handle, other.handle, false),
    );
  }
  sub(other: Operand): Tensor {
    return wrap(
      typeof other === "number"
        ? native().sub(this.handle, other, true)
        : native().sub(this.handle, other.handle, false),
    );
  }
  mul(other: Operand): Tensor {
    return wrap(
      typeof other === "number"
        ? native().mul(this.handle, other, true)
        : native().mul(this.handle, other.handle, false),
    );
  }
  div(other: Operand): Tensor {
    return wrap(
      typeof other === "number"
        ? native().div(this.handle, other, true)
        : native().div(this.handle, other.handle, false),
    );
  }
  pow(other: Operand): Tensor {
    return wrap(
      typeof other === "number"
        ? native().pow(this.handle, other, true)
        : native().pow(this.handle, other.handle, false),
    );
  }
  remainder(other: Operand): Tensor {
    return wrap(
      typeof other === "number"
        ? native().remainder(this.handle, other, true)
        : native().remainder(this.handle, other.handle, false),
    );
  }
  maximum(other: Tensor): Tensor {
    return wrap(native().maximum(this.handle, other.handle));
  }
  minimum(other: Tensor): Tensor {
    return wrap(native().minimum(this.handle, other.handle));
  }
  clamp(min?: number, max?: number): Tensor {
    return wrap(native().clamp(this.handle, min, max));
  }
  lerp(end: Tensor, weight: number): Tensor {
    return wrap(native().lerp(this.handle, end.handle, weight));
  }
  add_(other: Operand, alpha = 1): this {
    if (typeof other === "number") native().add_(this.handle, other * alpha, true);
    else native().add_(this.handle, other.handle, false, alpha);
    return this;
  }
  mul_(other: Operand): this {
    if (typeof other === "number") native().mul_(this.handle, other, true);
    else native().mul_(this.handle, other.handle, false);
    return this;
  }
  fill_(value: number): this {
    native().fill_(this.handle, value);
    return this;
  }
  zero_(): this {
    return this.fill_(0);
  }
  lerp_(end: Tensor, weight: number): this {
    native().lerp_(this.handle, end.handle, weight);
    return this;
  }
  /** Fills with draws from this thread's generator; no gradient. */
  uniform_(low = 0, high = 1): this {
    native().uniform_(this.handle, low, high);
    return this;
  }
  normal_(mean = 0, std = 1): this {
    native().normal_(this.handle, mean, std);
    return this;
  }

  neg(): Tensor {
    return wrap(native().neg(this.handle));
  }
  abs(): Tensor {
    return wrap(native().abs(this.handle));
  }
  exp(): Tensor {
    return wrap(native().exp(this.handle));
  }
  log(): Tensor {
    return wrap(native().log(this.handle));
  }
  log1p(): Tensor {
    return wrap(native().log1p(this.handle));
  }
  sqrt(): Tensor {
    return wrap(native().sqrt(this.handle));
  }
  rsqrt(): Tensor {
    return wrap(native().rsqrt(this.handle));
  }
  square(): Tensor {
    return wrap(native().square(this.handle));
  }
  reciprocal(): Tensor {
    return wrap(native().reciprocal(this.handle));
  }
  floor(): Tensor {
    return wrap(native().floor(this.handle));
  }
  ceil(): Tensor {
    return wrap(native().ceil(this.handle));
  }
  round(): Tensor {
    return wrap(native().round(this.handle));
  }
  sign(): Tensor {
    return wrap(native().sign(this.handle));
  }
  sin(): Tensor {
    return wrap(native().sin(this.handle));
  }
  cos(): Tensor {
    return wrap(native().cos(this.handle));
  }
  erf(): Tensor {
    return wrap(native().erf(this.handle));
  }
  relu(): Tensor {
    return wrap(native().relu(this.handle));
  }
  sigmoid(): Tensor {
    return wrap(native().sigmoid(this.handle));
  }
  tanh(): Tensor {
    return wrap(native().tanh(this.handle));
  }
  gelu(approximate: "none" | "tanh" = "none"): Tensor {
    return wrap(native().gelu(this.handle, approximate));
  }
  softmax(dim: number): Tensor {
    return wrap(native().softmax(this.handle, dim));
  }
  logSoftmax(dim: number): Tensor {
    return wrap(native().logSoftmax(this.handle, dim));
  }
  matmul(other: Tensor): Tensor {
    return wrap(native().matmul(this.handle, other.handle));
  }
  bmm(other: Tensor): Tensor {
    return wrap(native().bmm(this.handle, other.handle));
  }

  // ── Comparisons give bool tensors ─────────────────────────────────────────────
  eq(other: Operand): Tensor {
    return wrap(
      typeof other === "number"
        ? native().eq(this.handle, other, true)
        : native().eq(this.handle, other.handle, false),
    );
  }
  ne(other: Operand): Tensor {
    return wrap(
      typeof other === "number"
        ? native().ne(this.handle, other, true)
        : native().ne(this.handle, other.handle, false),
    );
  }
  lt(other: Operand): Tensor {
    return wrap(
      typeof other === "number"
        ? native().lt(this.handle, other, true)
        : native().lt(this.handle, other.handle, false),
    );
  }
  le(other: Operand): Tensor {
    return wrap(
      typeof other === "number"
        ? native().le(this.handle, other, true)
        : native().le(this.handle, other.handle, false),
    );
  }
  gt(other: Operand): Tensor {
    return wrap(
      typeof other === "number"
        ? native().gt(this.handle, other, true)
        : native().gt(this.handle, other.handle, false),
    );
  }
  ge(other: Operand): Tensor {
    return wrap(
      typeof other === "number"
        ? native().ge(this.handle, other, true)
        : native().ge(this.handle, other.handle, false),
    );
  }
  logicalNot(): Tensor {
    return wrap(native().logicalNot(this.handle));
  }
  logicalAnd(other: Tensor): Tensor {
    return wrap(native().logicalAnd(this.handle, other.handle));
  }
  logicalOr(other: Tensor): Tensor {
    return wrap(native().logicalOr(this.handle, other.handle));
  }
  isnan(): Tensor {
    return wrap(native().isnan(this.handle));
  }
  isfinite(): Tensor {
    return wrap(native().isfinite(this.handle));
  }

  // ── Reductions: over all dimensions unless some are given ───────────────────
  sum(dims?: Dims, keepdim = false): Tensor {
    return wrap(native().sum(this.handle, dims, keepdim));
  }
  mean(dims?: Dims, keepdim = false): Tensor {
    return wrap(native().mean(this.handle, dims, keepdim));
  }
  amax(dims?: Dims, keepdim = false): Tensor {
    return wrap(native().amax(this.handle, dims, keepdim));
  }
  amin(dims?: Dims, keepdim = false): Tensor {
    return wrap(native().amin(this.handle, dims, keepdim));
  }
  logsumexp(dims?: Dims, keepdim = false): Tensor {
    return wrap(native().logsumexp(this.handle, dims, keepdim));
  }
  /** @param correction 1 divides by n - 1 (default), 0 by n */
  var(dims?: Dims, { keepdim = false, correction = 1 } = {}): Tensor {
    return wrap(native().variance(this.handle, dims, keepdim, correction));
  }
  std(dims?: Dims, { keepdim = false, correction = 1 } = {}): Tensor {
    return wrap(native().std(this.handle, dims, keepdim, correction));
  }
  norm(p = 2, dims?: Dims, keepdim = false): Tensor {
    return wrap(native().norm(this.handle, dims, keepdim, p));
  }
  prod(dim?: number, keepdim = false): Tensor {
    return wrap(native().prod(this.handle, dim, keepdim));
  }
  any(dim?: number, keepdim = false): Tensor {
    return wrap(native().any(this.handle, dim, keepdim));
  }
  all(dim?: number, keepdim = false): Tensor {
    return wrap(native().all(this.handle, dim, keepdim));
  }
  /** The largest of all values, or values and int64 indices along one dimension. */
  max(): Tensor;
  max(dim: number, keepdim?: boolean): { values: Tensor; indices: Tensor };
  max(dim?: number, keepdim = false): Tensor | { values: Tensor; indices: Tensor } {
    return valuesAndIndices(native().max(this.handle, dim, keepdim));
  }
  min(): Tensor;
  min(dim: number, keepdim?: boolean): { values: Tensor; indices: Tensor };
  min(dim?: number, keepdim = false): Tensor | { values: Tensor; indices: Tensor } {
    return valuesAndIndices(native().min(this.handle, dim, keepdim));
  }
  argmax(dim?: number, keepdim = false): Tensor {
    return wrap(native().argmax(this.handle, dim, keepdim));
  }
  argmin(dim?: number, keepdim = false): Tensor {
    return wrap(native().argmin(this.handle, dim, keepdim));
  }
  cumsum(dim: number): Tensor {
    return wrap(native().cumsum(this.handle, dim));
  }
  topk(k: number, dim = -1, largest = true): { values: Tensor; indices: Tensor } {
    return pair(native().topk(this.handle, k, dim, largest));
  }
  /** The sort is stable. */
  sort(dim = -1, descending = false): { values: Tensor; indices: Tensor } {
    return pair(native().sort(this.handle, dim, descending));
  }

  // ── Gradients ─────────────────────────────────────────────────────────────
  get requiresGrad(): boolean {
    return native().requiresGrad(this.handle);
  }
  get isLeaf(): boolean {
    return native().isLeaf(this.handle);
  }
  requiresGrad_(requiresGrad = true): this {
    native().setRequiresGrad(this.handle, requiresGrad);
    return this;
  }
  detach(): Tensor {
    return wrap(native().detach(this.handle));
  }
  /** Adds the gradient of this single value to every leaf that it depends on. */
  backward({ gradient, retainGraph = false }: { gradient?: Tensor; retainGraph?: boolean } = {}): void {
    native().backward(this.handle, gradient?.handle ?? null, retainGraph);
  }
  /** The gradient that backward() accumulated, or null. */
  get grad(): Tensor | null {
    const handle = native().gradOf(this.handle);
    return handle === null ? null : wrap(handle);
  }
  set grad(gradient: Tensor | null) {
    native().setGrad(this.handle, gradient?.handle ?? null);
  }
  /** Takes over dtype, device, layout and values of `data`, but remains the same leaf; used to move modules. */
  setData(data: Tensor): this {
    native().setData(this.handle, data.handle);
    return this;
  }
}

function pair(handles: Handle[]): { values: Tensor; indices: Tensor } {
  const [values, indices] = handles.map(wrap);
  if (values === undefined || indices === undefined)
    throw new ArgumentError("expected values and indices from the addon");
  return { values, indices };
}

function valuesAndIndices(found: Handle | Handle[]): Tensor | { values: Tensor; indices: Tensor } {
  return typeof found === "number" ? wrap(found) : pair(found);
}
