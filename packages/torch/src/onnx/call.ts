/** A call of the engine that all recordings have in common, whatever their sizes. */
import type { DType, TypedArray } from "../types.js";
import { OnnxError } from "./onnx-error.js";
import { fitSize, type Size, type Sizes } from "./size.js";
import type { Argument, RecordedCall, TensorFacts, Value } from "./values.js";

/**
 * A tensor of the computation; a size is undefined if it does not follow from the sizes of the inputs in a simple way.
 */
export interface SizedTensor {
  value: Value;
  shape: readonly (Size | undefined)[];
  dtype: DType;
}

/** The tensor that all recordings have at this position. @throws OnnxError if they have different ones */
export function sizedTensor(all: readonly TensorFacts[], sizes: readonly Sizes[], op: string): SizedTensor {
  const [first] = all;
  const same = (one: TensorFacts) =>
    one.value.kind === first?.value.kind &&
    one.value.name === first.value.name &&
    one.dtype === first.dtype &&
    one.shape.length === first.shape.length;
  if (first === undefined || !all.every(same))
    throw new OnnxError("takes different tensors at another size", op);
  const shape = first.shape.map((_, axis) =>
    fitSize(
      all.map((one) => one.shape[axis] ?? 0),
      sizes,
    ),
  );
  return { value: first.value, shape, dtype: first.dtype };
}

export class Call {
  readonly op: string;
  readonly outputs: readonly SizedTensor[];
  readonly #calls: readonly RecordedCall[];
  readonly #sizes: readonly Sizes[];

  /** @param calls the same call of each recording   @throws OnnxError if they are not the same */
  constructor(calls: readonly RecordedCall[], sizes: readonly Sizes[]) {
    const { op = "", outputs = [] } = calls[0] ?? {};
    this.op = op;
    this.#calls = calls;
    this.#sizes = sizes;
    if (calls.some((call) => call.op !== op || call.outputs.length !== outputs.length))
      this.refuse("has another form at another size");
    this.outputs = outputs.map((_, k) => this.#sized(calls.map((call) => call.outputs[k])));
  }

  refuse(reason: string): never {
    throw new OnnxError(reason, this.op);
  }

  /** All tensors that it takes. */
  get inputs(): SizedTensor[] {
    return (this.#calls[0]?.arguments ?? []).flatMap((argument, k) =>
      "tensors" in argument ? this.tensors(k) : [],
    );
  }

  /** The tensors of argument k: those of a list, one, or none. */
  tensors(k: number): SizedTensor[] {
    const counts = this.#all(k).map((argument) => ("tensors" in argument ? argument.tensors.length : -1));
    if (counts.some((count) => count !== counts[0] || count < 0))
      this.refuse(`argument ${k}: expected as many tensors at all sizes, received ${counts.join(", ")}`);
    return Array.from({ length: counts[0] ?? 0 }, (_, j) =>
      this.#sized(this.#all(k).map((argument) => ("tensors" in argument ? argument.tensors[j] : undefined))),
    );
  }

  optional(k: number): SizedTensor | null {
    return this.tensors(k)[0] ?? null;
  }

  tensor(k: number): SizedTensor {
    return this.optional(k) ?? this.refuse(`argument ${k}: expected a tensor, received null`);
  }

  /** The first output. */
  get output(): SizedTensor {
    return this.outputs[0] ?? this.refuse("expected an output");
  }

  /** A whole number, which may depend on the sizes of the inputs. */
  size(k: number): Size {
    return this.#fit(k, this.#numbers(k));
  }

  /** Several whole numbers; a single number is used for each of `length`. */
  sizes(k: number, length = 1): Size[] {
    const rows = this.#plain(k).map((value): unknown[] =>
      Array.isArray(value) ? value : new Array<unknown>(length).fill(value),
    );
    if (rows.some((row) => row.length !== rows[0]?.length)) this.refuse(`argument ${k}: has another length`);
    return (rows[0] ?? []).map((_, j) =>
      this.#fit(
        k,
        rows.map((row) => Number(row[j])),
      ),
    );
  }

  /** A number that is the same at all sizes. */
  number(k: number): number {
    const size = this.size(k);
    return typeof size === "number"
      ? size
      : this.refuse(`argument ${k}: expected one number, received several`);
  }

  /** Several numbers that are the same at all sizes. */
  numbers(k: number, length = 1): number[] {
    return this.sizes(k, length).map((size) =>
      typeof size === "number" ? size : this.refuse(`argument ${k}: expected fixed numbers`),
    );
  }

  /** A number, string or boolean that is the same at all sizes; undefined if it was not given. */
  setting(k: number): string | number | boolean | undefined {
    const [first, ...others] = this.#plain(k);
    if (others.some((other) => !Object.is(other, first)))
      this.refuse(`argument ${k}: differs with the sizes`);
    return first as string | number | boolean | undefined;
  }

  /** The values of a typed array, which must be the same at all sizes. */
  values(k: number): TypedArray {
    const [first, ...others] = this.#plain(k) as TypedArray[];
    const same = (other: TypedArray) =>
      first?.length === other.length && first.every((value, j) => Object.is(value, other[j]));
    if (first === undefined || !others.every(same))
      this.refuse(
        "its values are computed in JavaScript from the size of the input; compute them with tensors",
      );
    return first;
  }

  /** The value in the first recording; it may depend on the sizes. */
  argument(k: number): unknown {
    return this.#plain(k)[0];
  }

  /** Whether it is not a tensor. */
  isPlain(k: number): boolean {
    return this.#all(k).every((argument) => "plain" in argument);
  }

  #all(k: number): readonly Argument[] {
    return this.#calls.map((call) => call.arguments[k] ?? { plain: undefined });
  }

  #plain(k: number): unknown[] {
    return this.#all(k).map((argument) => ("plain" in argument ? argument.plain : undefined));
  }

  #numbers(k: number): number[] {
    return this.#plain(k).map(Number);
  }

  #fit(k: number, values: readonly number[]): Size {
    const size = fitSize(values, this.#sizes);
    if (size !== undefined) return size;
    const at = this.#sizes.map((size) => Object.values(size).join(" x ")).join(", ");
    return this.refuse(`argument ${k}: ${values.join(", ")} at the sizes ${at} follow no simple rule`);
  }

  #sized(all: readonly (TensorFacts | undefined)[]): SizedTensor {
    return sizedTensor(
      all.filter((one) => one !== undefined),
      this.#sizes,
      this.op,
    );
  }
}
