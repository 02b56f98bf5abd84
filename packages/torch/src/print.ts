/** How a tensor is printed: its values in PyTorch's layout, then dtype and shape. */
import type { Handle } from "./native/addon.js";
import { native } from "./native/load.js";

// PyTorch's defaults: torch.set_printoptions.
const precision = 4;
const summariseFrom = 1000;
const edgeItems = 3;
const lineWidth = 80;
const start = "tensor(";

type Nested = (number | bigint)[] | Nested[];

/** @example tensor([[1.0000, 2.5000]], dtype=float32, shape=[1, 2]) */
export function printTensor(x: Handle): string {
  if (!native().isAlive(x)) return "tensor(disposed)";
  const [shape, dtype, device] = [native().shapeOf(x), native().dtypeOf(x), native().deviceOf(x)];
  const facts = [`dtype=${dtype}`, `shape=[${shape.join(", ")}]`];
  if (device !== "cpu") facts.push(`device=${device}`);
  if (native().requiresGrad(x)) facts.push("requiresGrad=true");
  return `${start}${[valuesText(x, shape), ...facts].join(", ")})`;
}

function valuesText(x: Handle, shape: number[]): string {
  const numel = shape.reduce((product, size) => product * size, 1);
  if (numel === 0) return "[]";
  const isShort = numel > summariseFrom;
  const kept = shape.map((size) => (isShort ? edgesOf(size) : Array.from({ length: size }, (_, k) => k)));
  const flat = valuesAt(x, kept);
  const format = formatOf(flat, native().dtypeOf(x));
  const sizes = kept.map(({ length }) => length);
  const isCut = shape.map((size, dim) => kept[dim]!.length < size);
  return textOf(nested(flat, sizes), { format, isCut, indent: start.length });
}

/** The values at these positions of each dimension, row-major. */
function valuesAt(x: Handle, places: number[][]): (number | bigint)[] {
  const made: Handle[] = [native().detach(x)];
  try {
    places.forEach((some, dim) => {
      const last = made.at(-1)!;
      if (some.length === native().shapeOf(last)[dim]) return;
      const index = native().fromTypedArray(
        BigInt64Array.from(some, BigInt),
        [some.length],
        "int64",
        native().deviceOf(x),
      );
      made.push(index, native().indexSelect(last, dim, index));
    });
    return Array.from(native().toTypedArray(made.at(-1)!) as ArrayLike<number | bigint>);
  } finally {
    native().dispose(made);
  }
}

/** The first and the last positions of a long dimension. */
function edgesOf(size: number): number[] {
  const all = Array.from({ length: size }, (_, k) => k);
  return size > 2 * edgeItems ? [...all.slice(0, edgeItems), ...all.slice(-edgeItems)] : all;
}

function nested(flat: (number | bigint)[], sizes: number[]): Nested {
  const [, ...rest] = sizes;
  if (sizes.length <= 1) return flat;
  const step = rest.reduce((a, b) => a * b, 1);
  return Array.from({ length: sizes[0]! }, (_, k) => nested(flat.slice(k * step, (k + 1) * step), rest));
}

interface Layout {
  format: (value: number | bigint) => string;
  /** For each dimension from here inwards: whether its middle is left out. */
  isCut: boolean[];
  indent: number;
}

function textOf(values: Nested, { format, isCut, indent }: Layout): string {
  const [cut = false, ...inner] = isCut;
  if (isCut.length === 0) return format(values[0] as number);
  const next = `${" ".repeat(indent + 1)}`;
  if (inner.length === 0) {
    const items = (values as number[]).map(format);
    const width = items[0]!.length + 2;
    const shown = cut ? [...items.slice(0, edgeItems), " ...", ...items.slice(-edgeItems)] : items;
    const perLine = Math.max(1, Math.floor((lineWidth - indent) / width));
    const lines: string[] = [];
    for (let k = 0; k < shown.length; k += perLine) lines.push(shown.slice(k, k + perLine).join(", "));
    return `[${lines.join(`,\n${next}`)}]`;
  }
  const parts = (values as Nested[]).map((part) =>
    textOf(part, { format, isCut: inner, indent: indent + 1 }),
  );
  const shown = cut ? [...parts.slice(0, edgeItems), "...", ...parts.slice(-edgeItems)] : parts;
  return `[${shown.join(`,${"\n".repeat(inner.length)}${next}`)}]`;
}

/** The same format for all values, so that columns are aligned. */
function formatOf(flat: (number | bigint)[], dtype: string): (value: number | bigint) => string {
  const text = textFor(flat, dtype);
  const isFloating = dtype.includes("float");
  const widthOf = isFloating ? flat.filter((value) => Number.isFinite(value) && value !== 0) : flat;
  const width = widthOf.reduce<number>((most, value) => Math.max(most, text(value).length), 1);
  return (value) => text(value).padStart(width);
}

function textFor(flat: (number | bigint)[], dtype: string): (value: number | bigint) => string {
  if (dtype === "bool") return (value) => (value ? "True" : "False");
  if (!dtype.includes("float")) return String;
  const finite = (flat as number[]).filter((value) => Number.isFinite(value) && value !== 0);
  const sizes = finite.map(Math.abs);
  const [least, most] = [
    sizes.reduce((a, b) => Math.min(a, b), Infinity),
    sizes.reduce((a, b) => Math.max(a, b), 0),
  ];
  const isWhole = finite.every(Number.isInteger);
  const isWide = finite.length > 0 && (most / least > 1000 || most > 1e8 || (!isWhole && least < 1e-4));
  const number = isWide ? scientific : isWhole ? whole : fixed;
  return (value) => (Number.isFinite(value) ? number(Number(value)) : nonFinite(Number(value)));
}

const nonFinite = (value: number) => (Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf");
const sign = (value: number) => (value < 0 || Object.is(value, -0) ? "-" : "");
const whole = (value: number) => `${sign(value)}${Math.abs(value)}.`;

/**
 * Ties are rounded to the even digit, as in C: of binary fractions, only odd multiples of 1/32 are ties at four digits.
 */
function fixed(value: number): string {
  const size = Math.abs(value);
  const isHalf = (size * 32) % 2 === 1;
  const below = Math.floor(size * 10 ** precision);
  const digits = isHalf
    ? ((below + (below % 2)) / 10 ** precision).toFixed(precision)
    : size.toFixed(precision);
  return `${sign(value)}${digits}`;
}

/** With at least two digits in the exponent, as in C. */
function scientific(value: number): string {
  const [digits = "", exponent = ""] = Math.abs(value).toExponential(precision).split("e");
  return `${sign(value)}${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}
