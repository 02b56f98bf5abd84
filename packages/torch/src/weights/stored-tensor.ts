/** Tensors in a file: a storage, and a view into it. Values are read on demand. */
import { fromTypedArray } from "../creation.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import type { DType } from "../types.js";
import type { WeightsFile } from "./weights-file.js";

export const itemBytes: Record<DType, number> = {
  float32: 4,
  float64: 8,
  bfloat16: 2,
  float16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** A sequence of values of one type, shared by the tensors that are views of it. */
export class Storage {
  /**
   * Offset of the first byte in the file, and the check of the bytes where the format has a checksum. Null until the
   * offset is known.
   */
  place: { at: number; isIntact: ((bytes: Uint8Array) => boolean) | null } | null = null;

  constructor(
    /** Its name in the file. */
    readonly name: string,
    readonly dtype: DType,
    /** Number of values, not bytes. */
    readonly count: number,
  ) {}

  get bytes(): number {
    return this.count * itemBytes[this.dtype];
  }
}

/** A view into a storage; stride and offset count values, as in PyTorch. */
export class StoredTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly stride: readonly number[],
  ) {}

  get dtype(): DType {
    return this.storage.dtype;
  }
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
  /** Row-major without gaps, whatever the strides of dimensions of size 1. */
  get isContiguous(): boolean {
    let expected = 1;
    for (let d = this.shape.length - 1; d >= 0; d--) {
      const [size, stride] = [this.shape[d] ?? 1, this.stride[d] ?? 0];
      if (size !== 1 && stride !== expected) return false;
      expected *= size;
    }
    return true;
  }
}

/** Strides of a row-major tensor. */
export function contiguousStride(shape: readonly number[]): number[] {
  const stride: number[] = [];
  for (let d = shape.length - 1, next = 1; d >= 0; next *= shape[d--] ?? 1) stride.unshift(next);
  return stride;
}

// PyTorch has 64 dimensions at most, weights have 5.
const mostDimensions = 32;

/** What is wrong with the view that a file describes; null where it lies within its storage. */
export function viewProblem({ storage, offset, shape, stride }: StoredTensor): string | null {
  const whole = (n: number) => Number.isSafeInteger(n) && n >= 0;
  if (shape.length > mostDimensions)
    return `has ${shape.length} dimensions, at most ${mostDimensions} are supported`;
  const impossible = `has an invalid size, stride or offset: [${shape.join(", ")}], [${stride.join(", ")}], ${offset}`;
  if (![offset, ...shape].every(whole)) return impossible;
  // libtorch multiplies all sizes, even where one of them is 0.
  if (!Number.isSafeInteger(shape.reduce((product, size) => product * Math.max(1, size), 1)))
    return `has sizes that are too large: [${shape.join(", ")}]`;
  if (stride.length !== shape.length || !stride.every(whole)) return impossible;
  const numel = shape.reduce((product, size) => product * size, 1);
  if (numel === 0) return null;
  const last = shape.reduce((sum, size, d) => sum + (size - 1) * (stride[d] ?? 0), offset);
  if (!(last < storage.count)) return `reaches value ${last} of a storage of ${storage.count}`;
  if (numel > storage.count) return `repeats the ${storage.count} values of its storage to ${numel}`;
  return null;
}

/**
 * Reads the values of tensors, each storage once and one at a time, so that only the tensors and the largest storage
 * are in memory. The same view under two names is read once. @returns tensors that belong to the enclosing scope
 * @throws CheckpointError where a checksum differs
 */
export function readTensors(
  file: WeightsFile,
  stored: ReadonlyMap<string, StoredTensor>,
): Map<string, Tensor> {
  refuseManyfold(file, stored.values());
  return scope(() => {
    const views = new Map<Storage, Map<string, StoredTensor>>();
    for (const tensor of stored.values()) {
      const known = views.get(tensor.storage) ?? new Map<string, StoredTensor>();
      views.set(tensor.storage, known.set(viewKey(tensor), tensor));
    }
    const read = new Map<Storage, Map<string, Tensor>>();
    for (const [storage, wanted] of views) {
      const bytes = storageBytes(file, storage);
      read.set(storage, new Map([...wanted].map(([key, tensor]) => [key, viewOf(tensor, bytes)])));
    }
    return new Map(
      [...stored].map(([name, tensor]): [string, Tensor] => {
        const view = read.get(tensor.storage)?.get(viewKey(tensor));
        if (view === undefined) throw new Error(`${name} was not read`);
        return [name, view.alias()];
      }),
    );
  });
}

/** A file of a few bytes could refer to a large storage a million times. */
function refuseManyfold(file: WeightsFile, stored: Iterable<StoredTensor>): void {
  const seen = new Map<Storage, Set<string>>();
  let bytes = 0;
  for (const tensor of stored) {
    const keys = seen.get(tensor.storage) ?? new Set<string>();
    if (!keys.has(viewKey(tensor))) bytes += tensor.numel * itemBytes[tensor.dtype];
    seen.set(tensor.storage, keys.add(viewKey(tensor)));
  }
  if (bytes > 4 * file.size + 65536)
    throw file.fault(
      `has ${file.size} bytes, and views of them that would take ${bytes}`,
      "In Python, clone the tensors that share memory before saving them.",
    );
}

const viewKey = ({ offset, shape, stride }: StoredTensor) =>
  `${offset} ${shape.join(",")} ${stride.join(",")}`;

function storageBytes(file: WeightsFile, storage: Storage): Uint8Array<ArrayBuffer> {
  if (storage.place === null) throw new Error(`storage ${storage.name} has no offset`);
  const { at, isIntact } = storage.place;
  const bytes = file.read(at, storage.bytes);
  if (isIntact !== null && !isIntact(bytes))
    throw file.fault(
      `the values of storage ${storage.name} do not have the checksum that was saved with them`,
    );
  return bytes;
}

function viewOf(tensor: StoredTensor, bytes: Uint8Array<ArrayBuffer>): Tensor {
  const { storage, offset, shape, stride, numel, dtype } = tensor;
  return scope(() => {
    if (numel === 0) return flatTensor(new ArrayBuffer(0), 0, 0, dtype).view(...shape);
    if (tensor.isContiguous) return flatTensor(bytes.buffer, offset, numel, dtype).view(...shape);
    let index = fromTypedArray(BigInt64Array.of(BigInt(offset)), []);
    shape.forEach((size, d) => {
      const steps = BigInt64Array.from({ length: size }, (_, k) => BigInt(k * (stride[d] ?? 0)));
      index = index.unsqueeze(-1).add(fromTypedArray(steps));
    });
    const flat = flatTensor(bytes.buffer, 0, storage.count, dtype);
    return flat.indexSelect(0, index.flatten()).view(...shape);
  });
}

/** `count` values of a buffer, starting at value `first`, as a tensor of one dimension. */
function flatTensor(buffer: ArrayBuffer, first: number, count: number, dtype: DType): Tensor {
  const at = first * itemBytes[dtype];
  switch (dtype) {
    case "float32":
      return fromTypedArray(new Float32Array(buffer, at, count));
    case "float64":
      return fromTypedArray(new Float64Array(buffer, at, count));
    case "int64":
      return fromTypedArray(new BigInt64Array(buffer, at, count));
    case "int32":
      return fromTypedArray(new Int32Array(buffer, at, count));
    case "int16":
      return fromTypedArray(new Int16Array(buffer, at, count));
    case "int8":
      return fromTypedArray(new Int8Array(buffer, at, count));
    case "uint8":
      return fromTypedArray(new Uint8Array(buffer, at, count));
    case "bool":
      return fromTypedArray(new Uint8Array(buffer, at, count), [count], { dtype });
    case "bfloat16":
    case "float16":
      return fromTypedArray(new Int16Array(buffer, at, count)).viewDtype(dtype);
  }
}
