/** Seeded damage: every change that a disk, a network or an attacker may make to a file. */

export interface Mutation {
  bytes: Uint8Array;
  /** The change, for the message of a failing round. */
  what: string;
  /** Number of bytes by which the file was truncated. */
  cut: number;
}

type Random = () => number;

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
const below = (random: Random, most: number): number => Math.floor(random() * most);

const ABSURD = [
  0xffffffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0x10000, 0xffff, 0x8000, 0, 1, 0xfffee000, 0xe00dfffe,
];
/** Elements whose value determines sizes: rows, columns, frames, bits, and the lengths of sequences and pixel data. */
const SIZES = [
  [0x28, 0, 0x10, 0],
  [0x28, 0, 0x11, 0],
  [0x28, 0, 0x08, 0],
  [0x28, 0, 0x00, 1],
  [0x28, 0, 0x01, 1],
  [0x28, 0, 0x02, 1],
  [0x28, 0, 0x20, 1],
  [0x20, 0, 0x32, 0],
  [0x20, 0, 0x37, 0],
  [0x28, 0, 0x30, 0],
  [0x00, 0x52, 0x30, 0x92],
  [0xe0, 0x7f, 0x10, 0],
];

export function mutated(source: Uint8Array, random: Random): Mutation {
  const bytes = source.slice();
  const view = new DataView(bytes.buffer);
  const kind = pick(random, [
    "cut",
    "flips",
    "flips",
    "header",
    "absurd",
    "size",
    "size",
    "insert",
    "repeat",
  ] as const);
  if (kind === "cut") {
    const length = below(random, bytes.length);
    return { bytes: bytes.subarray(0, length).slice(), what: `cut to ${length}`, cut: bytes.length - length };
  }
  if (kind === "flips" || kind === "header") {
    const reach = kind === "header" ? Math.min(bytes.length, 1100) : bytes.length;
    const places = Array.from({ length: 1 + below(random, 6) }, () => below(random, reach));
    for (const at of places) bytes[at] = (bytes[at] as number) ^ (1 << below(random, 8));
    return { bytes, what: `bits flipped at ${places.join(", ")}`, cut: 0 };
  }
  if (kind === "absurd" && bytes.length > 4) {
    const at = below(random, bytes.length - 4);
    const value = pick(random, ABSURD);
    view.setUint32(at, value, true);
    return { bytes, what: `${value} written at ${at}`, cut: 0 };
  }
  if (kind === "size") {
    const tag = pick(random, SIZES);
    const at = bytes.findIndex((_, i) => tag.every((byte, j) => bytes[i + j] === byte));
    if (at >= 0 && at + 12 <= bytes.length) {
      const place = at + 4 + below(random, 5);
      if (random() < 0.5) view.setUint16(place, below(random, 65536), true);
      else view.setUint32(place, pick(random, ABSURD), true);
      return { bytes, what: `element at ${at} changed at ${place}`, cut: 0 };
    }
  }
  const from = below(random, bytes.length);
  const part =
    kind === "insert"
      ? Uint8Array.from({ length: 1 + below(random, 40) }, () => below(random, 256))
      : bytes.subarray(from, from + 1 + below(random, 300));
  const longer = new Uint8Array(bytes.length + part.length);
  longer.set(bytes.subarray(0, from));
  longer.set(part, from);
  longer.set(bytes.subarray(from), from + part.length);
  return { bytes: longer, what: `${kind} of ${part.length} bytes at ${from}`, cut: 0 };
}
