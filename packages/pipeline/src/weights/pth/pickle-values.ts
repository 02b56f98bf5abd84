/** The values that a pickle can contain here: plain values, stand-ins for the names that a file may use, storages and tensors. Nothing else. */
import type { DType } from "@slicestack/torch";
import { Storage, StoredTensor } from "@slicestack/torch/safetensors";

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Tuple
  | Map<PickleValue, PickleValue>
  | Callable
  | StorageType
  | NumpyType
  | Storage
  | StoredTensor;

export class Tuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A function of this program that stands for one that a file may call. @throws PickleFault if the arguments do not fit */
export class Callable {
  constructor(
    readonly name: string,
    readonly call: (args: readonly PickleValue[]) => PickleValue,
  ) {}
}

/** torch.FloatStorage and similar: the type of the values, not a storage. */
export class StorageType {
  constructor(
    readonly name: string,
    readonly dtype: DType,
  ) {}
}

/** numpy.dtype of a number, e.g. "f8". */
export class NumpyType {
  bigEndian = false;
  constructor(readonly code: string) {}
}

/** A pickle contains something that PyTorch does not write; the reader adds file and position. */
export class PickleFault extends Error {
  override readonly name = "PickleFault";
}

/** Describes a value in one line, for notes and errors. */
export function valueText(value: PickleValue): string {
  if (value === null) return "None";
  if (typeof value === "string")
    return value.length > 60 ? `a text of ${value.length} characters` : `"${value}"`;
  if (typeof value !== "object") return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Tuple) return `a tuple of ${value.items.length}`;
  if (value instanceof Map) return `a dict of ${value.size}`;
  if (value instanceof StoredTensor) return `a tensor, ${value.dtype} [${value.shape.join(", ")}]`;
  if (value instanceof Storage) return `a storage of ${value.count} ${value.dtype}`;
  return value instanceof NumpyType ? `numpy.dtype ${value.code}` : value.name;
}
