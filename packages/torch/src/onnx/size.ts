/**
 * Whole numbers of a computation that was recorded at several sizes of its inputs: which of them are fixed, and how the
 * others depend on the sizes.
 */

/** A name for each size that may be any, e.g. { volumes: 2, slices: 17 }. */
export type Sizes = Readonly<Record<string, number>>;

/** min(most, factor · Π symbols + offset) */
export interface SymbolicSize {
  readonly symbols: readonly string[];
  readonly factor: number;
  readonly offset: number;
  /** null: no upper limit. */
  readonly most: number | null;
}

/** A whole number, or an expression in the sizes of the inputs. */
export type Size = number | SymbolicSize;

export const sameSize = (a: Size | undefined, b: Size | undefined): boolean =>
  a !== undefined && b !== undefined && (a === b || JSON.stringify(a) === JSON.stringify(b));

/** `2·slices + 1`, for messages and as the name of a dimension. */
export function sizeText(size: Size): string {
  if (typeof size === "number") return String(size);
  const { symbols, factor, offset, most } = size;
  const product = [...(factor === 1 ? [] : [String(factor)]), ...symbols].join("*");
  const sum = offset === 0 ? product : `${product} ${offset < 0 ? "-" : "+"} ${Math.abs(offset)}`;
  return most === null ? sum : `min(${most}, ${sum})`;
}

/**
 * What all the values have in common: the constant, or the simplest expression that gives each of them at its sizes.
 * @returns undefined if there is none
 */
export function fitSize(values: readonly number[], sizes: readonly Sizes[]): Size | undefined {
  const [first = 0] = values;
  if (values.every((value) => Object.is(value, first))) return first;
  if (!values.every(Number.isSafeInteger)) return undefined;
  const terms = termsOf(Object.keys(sizes[0] ?? {}));
  for (const symbols of terms) {
    const line = fitLine(values, sizes, symbols, null);
    if (line !== undefined) return line;
  }
  // A limited size is constant wherever the limit is reached, which must have happened at least twice.
  const most = Math.max(...values);
  if (values.filter((value) => value === most).length < 2) return undefined;
  for (const symbols of terms) {
    const line = fitLine(values, sizes, symbols, most);
    if (line !== undefined) return line;
  }
  return undefined;
}

/** Each symbol, then each product of two. */
const termsOf = (names: readonly string[]): string[][] => [
  ...names.map((name) => [name]),
  ...names.flatMap((a, k) => names.slice(k + 1).map((b) => [a, b])),
];

function fitLine(
  values: readonly number[],
  sizes: readonly Sizes[],
  symbols: readonly string[],
  most: number | null,
): SymbolicSize | undefined {
  const products = sizes.map((size) => symbols.reduce((product, name) => product * (size[name] ?? 0), 1));
  const free = values.flatMap((value, k) => (value === most ? [] : [k]));
  const lines = linesThrough(
    free.map((k) => products[k] ?? 0),
    free.map((k) => values[k] ?? 0),
  );
  return lines
    .map(({ factor, offset }) => ({ symbols, factor, offset, most }))
    .find((line) => values.every((value, k) => value === valueAt(line, products[k] ?? 0)));
}

/** A line without an offset if one point determines it; otherwise the line through the first two different points. */
function linesThrough(x: readonly number[], y: readonly number[]): { factor: number; offset: number }[] {
  const [x0 = 0, y0 = 0] = [x[0], y[0]];
  const lines = x0 !== 0 ? [{ factor: y0 / x0, offset: 0 }] : [];
  const other = x.findIndex((value) => value !== x0);
  if (other > 0) {
    const factor = ((y[other] ?? 0) - y0) / ((x[other] ?? 0) - x0);
    lines.push({ factor, offset: y0 - factor * x0 });
  }
  return lines.filter(({ factor, offset }) => factor !== 0 && [factor, offset].every(Number.isSafeInteger));
}

const valueAt = ({ factor, offset, most }: SymbolicSize, product: number): number =>
  Math.min(most ?? Infinity, factor * product + offset);
