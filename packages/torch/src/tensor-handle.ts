/** What a handle into libtorch says of its tensor: lifetime, facts and values. What is computed with it: tensor.ts. */
import { ArgumentError } from "./errors.js";
import type { Handle } from "./native/addon.js";
import { loadedAddon, native } from "./native/load.js";
import { printTensor } from "./print.js";
import type { DType, MemoryFormat, TypedArray } from "./types.js";

/** How many scopes are open in this thread; kept here so that wrapping a handle needs no call to the addon. */
export const isScoped = { depth: 0 };

// A safety net for tensors without a scope; a stale handle is simply not found.
const forgotten = new FinalizationRegistry<Handle>((handle) => {
  const addon = loadedAddon();
  if (typeof handle === "number" && addon?.isAlive(handle)) addon.dispose([handle]);
});

/** The part of a tensor that needs no other tensor. */
export class TensorHandle implements Disposable {
  /** @internal The addon's number for this tensor. */
  readonly handle: Handle;

  /** @internal Use the creation functions. */
  constructor(handle: Handle) {
    if (typeof handle !== "number")
      throw new ArgumentError("expected a handle; tensors are created by the creation functions", "Tensor");
    this.handle = handle;
    if (isScoped.depth === 0) this.watch();
  }

  /** @internal Lets the garbage collector free the tensor: the safety net outside of scopes. */
  watch(): void {
    forgotten.register(this, this.handle, this);
  }

  /** Removes the tensor from every scope; from then on `dispose()` or the garbage collector frees it. */
  keep(): this {
    native().keep(this.handle);
    forgotten.unregister(this);
    this.watch();
    return this;
  }

  /** Frees the tensor now. A second call does nothing; any other use throws TensorDisposedError. */
  dispose(): void {
    forgotten.unregister(this);
    native().dispose([this.handle]);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  get isDisposed(): boolean {
    return !native().isAlive(this.handle);
  }

  // ── Facts ─────────────────────────────────────────────────────────────────
  get shape(): number[] {
    return native().shapeOf(this.handle);
  }
  get dtype(): DType {
    return native().dtypeOf(this.handle);
  }
  get device(): string {
    return native().deviceOf(this.handle);
  }
  get stride(): number[] {
    return native().strideOf(this.handle);
  }
  get dim(): number {
    return this.shape.length;
  }
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
  get isContiguous(): boolean {
    return native().isContiguous(this.handle);
  }
  get memoryFormat(): MemoryFormat | "strided" {
    return native().memoryFormatOf(this.handle);
  }
  /** Size of one dimension; a negative number counts from the end. */
  size(dim: number): number {
    const { shape } = this;
    const size = shape[dim < 0 ? dim + shape.length : dim];
    if (size === undefined)
      throw new ArgumentError(`dim: expected -${shape.length}..${shape.length - 1}, received ${dim}`, "size");
    return size;
  }

  // ── To JavaScript ─────────────────────────────────────────────────────────
  /** The value of a one-element tensor. Waits for the device. */
  item(): number {
    return native().item(this.handle);
  }
  /**
   * A copy of the values in row-major order; bfloat16 and float16 are returned as float32, bool as uint8. Waits for the
   * device.
   */
  toTypedArray(): TypedArray {
    return native().toTypedArray(this.handle);
  }
  /** A copy of the values as plain numbers, row-major. Waits for the device. */
  toArray(): number[] {
    return Array.from(this.toTypedArray() as ArrayLike<number | bigint>, Number);
  }

  /**
   * The values as PyTorch prints them, with dtype and shape; with many values, only the edges. Waits for the device.
   */
  toString(): string {
    return printTensor(this.handle);
  }
  /** For console.log. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return printTensor(this.handle);
  }
}
