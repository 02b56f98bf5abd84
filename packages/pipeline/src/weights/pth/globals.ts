/**
 * The names that a pickle may use: those that PyTorch writes for a state dict, and numpy's numbers, which training scripts store
 * with it. Each is implemented by a few lines below; any other name is refused. Python modules are never used.
 */
import type { DType } from "@slicestack/torch";
import { itemBytes, Storage, StoredTensor, viewProblem } from "@slicestack/torch/safetensors";
import {
  Callable,
  NumpyType,
  PickleFault,
  StorageType,
  Tuple,
  valueText,
  type PickleValue,
} from "./pickle-values.js";

const storageTypes: Record<string, DType> = {
  FloatStorage: "float32",
  DoubleStorage: "float64",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  LongStorage: "int64",
  IntStorage: "int32",
  ShortStorage: "int16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  BoolStorage: "bool",
};

// Types that a checkpoint may name without having a tensor of that type.
const dtypes = [...Object.keys(itemBytes), "complex64", "complex128"];

function refuse(name: string, args: readonly PickleValue[]): never {
  throw new PickleFault(
    `${name} is called with (${args.map(valueText).join(", ")}), which PyTorch does not write`,
  );
}

function wholeNumbers(name: string, args: readonly PickleValue[], value: PickleValue | undefined): number[] {
  if (!(value instanceof Tuple)) return refuse(name, args);
  return value.items.map((item) => (typeof item === "number" ? item : refuse(name, args)));
}

/** (storage, offset, size, stride, …); the further arguments concern gradients and hooks. */
function rebuildTensor(name: string): Callable {
  return new Callable(name, (args) => {
    const [storage, offset, size, stride] = args;
    if (!(storage instanceof Storage) || typeof offset !== "number") return refuse(name, args);
    const tensor = new StoredTensor(
      storage,
      offset,
      wholeNumbers(name, args, size),
      wholeNumbers(name, args, stride),
    );
    const problem = viewProblem(tensor);
    if (problem !== null) throw new PickleFault(`a tensor of storage ${storage.name} ${problem}`);
    return tensor;
  });
}

const rebuildParameter = new Callable("torch._utils._rebuild_parameter", (args) =>
  args[0] instanceof StoredTensor ? args[0] : refuse("torch._utils._rebuild_parameter", args),
);

/** An empty OrderedDict, or one from pairs, as Python 2 wrote it. */
const orderedDict = new Callable("collections.OrderedDict", (args) => {
  const [pairs = []] = args;
  if (args.length > 1 || !Array.isArray(pairs)) return refuse("collections.OrderedDict", args);
  return new Map(
    pairs.map((pair): [PickleValue, PickleValue] => {
      const [key, value, ...more] = pair instanceof Tuple ? pair.items : Array.isArray(pair) ? pair : [];
      if (key === undefined || value === undefined || more.length > 0)
        return refuse("collections.OrderedDict", args);
      return [key, value];
    }),
  );
});

const size = new Callable(
  "torch.Size",
  (args) => new Tuple(args.length === 0 ? [] : wholeNumbers("torch.Size", args, args[0])),
);

const device = new Callable("torch.device", (args) =>
  typeof args[0] === "string" ? args[0] : refuse("torch.device", args),
);

/** How protocol 2 writes bytes: as the text of the same Latin-1 characters. */
const encode = new Callable("_codecs.encode", (args) => {
  const [text, coding] = args;
  if (typeof text !== "string" || coding !== "latin1" || /[^\0-\xff]/.test(text))
    return refuse("_codecs.encode", args);
  return Uint8Array.from(Buffer.from(text, "latin1"));
});

const numpyDtype = new Callable("numpy.dtype", (args) =>
  typeof args[0] === "string" && Object.hasOwn(numpyReaders, args[0])
    ? new NumpyType(args[0])
    : refuse("numpy.dtype", args),
);

const numpyReaders: Record<string, (view: DataView, little: boolean) => number | bigint | boolean> = {
  f4: (view, little) => view.getFloat32(0, little),
  f8: (view, little) => view.getFloat64(0, little),
  i1: (view) => view.getInt8(0),
  i2: (view, little) => view.getInt16(0, little),
  i4: (view, little) => view.getInt32(0, little),
  i8: (view, little) => view.getBigInt64(0, little),
  u1: (view) => view.getUint8(0),
  u2: (view, little) => view.getUint16(0, little),
  u4: (view, little) => view.getUint32(0, little),
  u8: (view, little) => view.getBigUint64(0, little),
  b1: (view) => view.getUint8(0) !== 0,
};

function numpyScalar(name: string): Callable {
  return new Callable(name, (args) => {
    const [type, bytes] = args;
    if (!(type instanceof NumpyType) || !(bytes instanceof Uint8Array)) return refuse(name, args);
    const read = numpyReaders[type.code];
    if (read === undefined || bytes.length !== Number(type.code.slice(1))) return refuse(name, args);
    return read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), !type.bigEndian);
  });
}

/** By "module name", in a Map: an object would also know names such as "constructor". */
const allowed: ReadonlyMap<string, PickleValue> = new Map<string, PickleValue>([
  ["collections OrderedDict", orderedDict],
  ["torch._utils _rebuild_tensor", rebuildTensor("torch._utils._rebuild_tensor")],
  ["torch._utils _rebuild_tensor_v2", rebuildTensor("torch._utils._rebuild_tensor_v2")],
  ["torch._utils _rebuild_parameter", rebuildParameter],
  ["torch Size", size],
  ["torch device", device],
  ["torch.storage UntypedStorage", new StorageType("torch.storage.UntypedStorage", "uint8")],
  ...Object.entries(storageTypes).map(([name, dtype]): [string, PickleValue] => [
    `torch ${name}`,
    new StorageType(`torch.${name}`, dtype),
  ]),
  ...dtypes.map((name): [string, PickleValue] => [`torch ${name}`, `torch.${name}`]),
  ["_codecs encode", encode],
  ["numpy dtype", numpyDtype],
  ["numpy.core.multiarray scalar", numpyScalar("numpy.core.multiarray.scalar")],
  ["numpy._core.multiarray scalar", numpyScalar("numpy._core.multiarray.scalar")],
]);

/** The implementation of a name; undefined if weights do not need it. */
export function allowedGlobal(module: string, name: string): PickleValue | undefined {
  return allowed.get(`${module} ${name}`);
}
