/** Wrong arguments, from a seeded generator: what a caller's mistake could send, and what only malice would. */
import * as torch from "../../src/index.js";
import type { Tensor } from "../../src/index.js";

/** mulberry32: a draw 0 <= x < 1. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
export type Pick = <T>(items: readonly T[]) => T;
export function picker(random: () => number): Pick {
  return <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
}

/** Tensors of every dtype and of awkward shapes, layouts and values; some are disposed. */
export function awkwardTensors(): Tensor[] {
  const { fromTypedArray, full, tensor, zeros } = torch;
  const disposed = zeros([2]);
  disposed.dispose();
  const ramp = (shape: number[], dtype: torch.DType) =>
    torch
      .arange(
        0,
        shape.reduce((a, b) => a * b, 1),
        1,
        { dtype },
      )
      .reshape(...shape);
  return [
    disposed,
    ...(
      ["float32", "float64", "bfloat16", "float16", "int64", "int32", "int16", "int8", "uint8"] as const
    ).map((dtype) => ramp([2, 3], dtype)),
    tensor([1, 0, 1], { dtype: "bool" }),
    tensor(3),
    tensor(NaN),
    tensor(-1, { dtype: "int64" }),
    fromTypedArray(BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, -1n, 0n)),
    fromTypedArray(Int32Array.of(-(2 ** 31), -1, 0)),
    tensor([NaN, Infinity, -Infinity, 1e38, -0]),
    tensor([1e300, NaN, Infinity], { dtype: "float64" }),
    zeros([0]),
    zeros([0, 3]),
    zeros([2, 0, 3, 3]),
    zeros([1, 1, 0, 2, 2]),
    zeros([0], { dtype: "int64" }),
    ramp([4], "float32"),
    ramp([2, 3, 4], "float32"),
    ramp([1, 2, 4, 4], "float32"),
    ramp([1, 2, 4, 4], "float64").to({ memoryFormat: "channels_last" }),
    ramp([1, 1, 3, 3, 3], "float32"),
    full([1, 2, 2, 2], NaN),
    full([1, 2, 2, 2], 1e30),
    ramp([4, 3], "float32").transpose(0, 1),
    torch.ones([1]).expand(3, 3),
    ramp([2, 2], "float64").requiresGrad_(),
    ramp([2, 2], "float32").requiresGrad_().mul(2),
    zeros(Array.from({ length: 12 }, () => 1)),
    torch.getGeneratorState(),
  ];
}

const integers = [
  0,
  1,
  2,
  3,
  4,
  7,
  64,
  -1,
  -2,
  -3,
  -100,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 40,
  -(2 ** 40),
  2 ** 53 - 1,
  -(2 ** 53),
  2 ** 63,
  1e308,
];
const numbers = [0.5, -0.5, 1.5, -0, NaN, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_VALUE];
const strings = [
  "",
  "cpu",
  "cuda",
  "cuda:0",
  "cuda:99",
  "mps",
  "meta",
  "float32",
  "int64",
  "bool",
  "complex64",
  "mean",
  "none",
  "bilinear",
  "nearest",
  "circular",
];
const moreStrings = [
  "zeros",
  "tanh",
  "channels_last",
  "channels_last_3d",
  "preserve",
  "x".repeat(70_000),
  "\ud800",
  "a\0b",
  "/dev/zero",
  "/",
  "..",
  "__proto__",
  "😀",
];

function detached(): Float32Array {
  const array = new Float32Array(8);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}
const failing = (): never => {
  throw new RangeError("thrown by an argument");
};

function objects(random: () => number, tensors: readonly Tensor[]): unknown[] {
  const holey: unknown[] = [1, 2];
  const victim = tensors[Math.floor(random() * tensors.length)];
  Object.defineProperty(holey, 1, { get: random() < 0.5 ? failing : () => victim?.handle });
  const endless: unknown[] = [];
  endless.length = 2 ** 32 - 1;
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  return [
    {},
    { toString: failing, valueOf: failing, [Symbol.toPrimitive]: failing },
    { handle: 3 },
    { handle: NaN },
    { handle: "x" },
    Object.create(null),
    new Proxy({}, { get: failing, ownKeys: failing, getPrototypeOf: failing }),
    new Proxy([1, 2], {}),
    Symbol("s"),
    10n,
    -(2n ** 70n),
    failing,
    () => 1,
    async () => Promise.resolve(1),
    class Empty {},
    new Date(NaN),
    new Map([[1, 2]]),
    new Set([1]),
    /x/,
    new Error("an error as an argument"),
    holey,
    endless,
    cyclic,
    new ArrayBuffer(8),
    new DataView(new ArrayBuffer(8)),
    detached(),
    new Float32Array(0),
    new Float64Array(6),
    new BigUint64Array(2),
    new Uint16Array(2),
    new Int8Array(new SharedArrayBuffer(4)),
    new Float32Array(new ArrayBuffer(16), 4, 2),
    new Boolean(true),
    new Number(3),
    new String("cpu"),
  ];
}

/** @param asHandles the addon wants numbers where the public functions want Tensors */
export function wrongValue(
  random: () => number,
  tensors: readonly Tensor[],
  asHandles: boolean,
  depth = 0,
): unknown {
  const pick = picker(random);
  const kind = random();
  if (kind < 0.3) {
    const tensor = pick(tensors);
    return asHandles && random() < 0.95 ? tensor.handle : tensor;
  }
  if (kind < 0.5) return pick(integers);
  if (kind < 0.56) return pick(numbers);
  if (kind < 0.64) return pick([undefined, null, true, false]);
  if (kind < 0.7) return pick(random() < 0.5 ? strings : moreStrings);
  if (kind < 0.88 && depth < 3) {
    const length = pick([0, 1, 1, 2, 2, 3, 4, 5, 30]);
    const one = random() < 0.5 ? wrongValue(random, tensors, asHandles, depth + 1) : undefined;
    return Array.from({ length }, () =>
      one !== undefined && random() < 0.7 ? one : wrongValue(random, tensors, asHandles, depth + 1),
    );
  }
  if (kind < 0.92 && depth < 2) {
    const keys = [
      "dtype",
      "device",
      "stride",
      "padding",
      "dilation",
      "groups",
      "weight",
      "mode",
      "training",
      "reduction",
      "gradient",
      "layers",
    ];
    return Object.fromEntries(
      Array.from({ length: 3 }, () => [pick(keys), wrongValue(random, tensors, asHandles, depth + 2)]),
    );
  }
  return pick(objects(random, tensors));
}

/** A short text of a value that runs none of its code. */
export function describe(value: unknown, depth = 0): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "bigint") return `${value.toString()}n`;
  if (typeof value === "function") return "function";
  if (typeof value === "symbol") return "symbol";
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
  try {
    if (value instanceof torch.Tensor)
      return `Tensor#${value.handle}${value.isDisposed ? " disposed" : ` ${value.dtype} [${value.shape.join()}]`}`;
    if (Array.isArray(value)) {
      if (value.length > 40 || depth > 2) return `array of ${value.length}`;
      return `[${value.map((item) => describe(item, depth + 1)).join(", ")}]`;
    }
    if (Object.getPrototypeOf(value) === Object.prototype && depth < 2) {
      return `{${Object.entries(value)
        .map(([key, item]) => `${key}: ${describe(item, depth + 1)}`)
        .join(", ")}}`;
    }
    return Object.prototype.toString.call(value);
  } catch {
    return "an object that throws";
  }
}
