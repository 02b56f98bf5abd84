import type { Seed } from "./seeds.js";

export interface Mutation {
  kind: string;
  bytes: Uint8Array;
  /** The file is a truncated seed: what is read from it must be the seed's content, or nothing. */
  cut: boolean;
}

type Random = () => number;
const below = (random: Random, end: number) => Math.floor(random() * end);
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T;

/** A generator whose neighbouring streams are unrelated (Steele, Lea, Flood: SplitMix, OOPSLA 2014; 32-bit finaliser). */
export function randomOf(seed: number, index: number): Random {
  let state = (Math.imul(seed, 0x85ebca6b) ^ Math.imul(index + 1, 0x9e3779b1)) >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** One mutation of a seed; the same for the same numbers. @param others seeds of the same format, to splice with */
export function mutate(seed: Seed, others: readonly Seed[], random: Random): Mutation {
  const { packing } = seed;
  if (packing !== undefined && random() < 0.5) {
    const inner = mutateBytes(packing.open(seed.bytes), others, random);
    return { kind: `inside the packing, ${inner.kind}`, bytes: packing.close(inner.bytes), cut: inner.cut };
  }
  return mutateBytes(seed.bytes, others, random);
}

type Change = (bytes: Uint8Array, random: Random, others: readonly Seed[]) => Uint8Array;

const CHANGES: Record<string, Change> = {
  cut: (bytes, random) => new Uint8Array(bytes.subarray(0, below(random, bytes.length))),
  "bit flips": flips,
  "a number at its extreme": extremes,
  "a number of the text changed": textNumbers,
  "a part moved": spliced,
  "a part removed": (bytes, random) => without(bytes, below(random, bytes.length), below(random, 64) + 1),
  "a part repeated": repeated,
  "a long run": longRun,
  "random bytes": randomBytes,
  "more at the end": (bytes, random) =>
    joined(bytes, new Uint8Array(below(random, 200_000)).fill(below(random, 256))),
};
const KINDS = Object.keys(CHANGES);

function mutateBytes(bytes: Uint8Array, others: readonly Seed[], random: Random): Mutation {
  const kind = pick(random, KINDS);
  const change = CHANGES[kind] ?? flips;
  return { kind, bytes: change(bytes, random, others), cut: kind === "cut" };
}

/** Most of them in the first half KiB, where headers are, or at the end, where a zip has its directory. */
function place(bytes: Uint8Array, random: Random): number {
  const where = random();
  if (where < 0.6) return below(random, Math.min(bytes.length, 560));
  if (where < 0.8) return Math.max(0, bytes.length - 1 - below(random, 200));
  return below(random, bytes.length);
}

function flips(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = new Uint8Array(bytes); // slice of a Buffer would share its memory
  for (let n = 1 + below(random, 4); n > 0 && copy.length > 0; n--) {
    const at = place(copy, random);
    copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
  }
  return copy;
}

const EXTREMES = [0, 1, -1, 127, 128, 255, 32767, -32768, 65535, 2 ** 31 - 1, -(2 ** 31), 2 ** 32 - 1];
const FLOATS = [NaN, Infinity, -Infinity, 0, -0, 1e-40, 3.4e38, -1];

function extremes(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = new Uint8Array(bytes); // slice of a Buffer would share its memory
  if (copy.length < 8) return copy;
  const view = new DataView(copy.buffer);
  for (let n = 1 + below(random, 3); n > 0; n--) {
    const little = random() < 0.7;
    const at = Math.min(place(copy, random) & ~1, copy.length - 8);
    const value = pick(random, EXTREMES);
    const write = below(random, 4);
    if (write === 0) view.setInt16(at, value, little);
    else if (write === 1) view.setInt32(at, value, little);
    else if (write === 2) view.setBigInt64(at, BigInt(value) * (random() < 0.5 ? 1n : 2n ** 31n), little);
    else view.setFloat32(at, pick(random, FLOATS), little);
  }
  return copy;
}

const NUMBERS =
  "0|-1|1|2|65535|4294967295|9007199254740993|99999999999999999999|1e308|1e-320|nan|-inf|0x10|٣||(|1,2".split(
    "|",
  );

/** A number in the first 2 KiB, where the file is text. */
function textNumbers(bytes: Uint8Array, random: Random): Uint8Array {
  const text = Buffer.from(bytes.subarray(0, 2048)).toString("latin1");
  const numbers = [...text.matchAll(/-?\d+(\.\d+)?/g)];
  if (numbers.length === 0) return flips(bytes, random);
  const found = pick(random, numbers);
  const end = found.index + found[0].length;
  return joined(bytes.subarray(0, found.index), Buffer.from(pick(random, NUMBERS)), bytes.subarray(end));
}

function spliced(bytes: Uint8Array, random: Random, others: readonly Seed[]): Uint8Array {
  const other = pick(random, others).bytes;
  return joined(bytes.subarray(0, below(random, bytes.length)), other.subarray(below(random, other.length)));
}

function without(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return joined(bytes.subarray(0, at), bytes.subarray(at + length));
}

function repeated(bytes: Uint8Array, random: Random): Uint8Array {
  const at = place(bytes, random);
  const part = bytes.subarray(at, at + 1 + below(random, 100));
  const parts = new Array<Uint8Array>(1 + below(random, 50)).fill(part);
  return joined(bytes.subarray(0, at), ...parts, bytes.subarray(at));
}

/** Input that makes parsers recurse or retry. */
const RUNS = [
  "(",
  "[",
  "{",
  " ",
  "\n",
  ",",
  "'",
  "0",
  "9",
  "a",
  ":",
  "=",
  "\0",
  "((1,2,",
  "'a': (",
  "#\n",
  "a = 1\n",
  "none ",
];

function longRun(bytes: Uint8Array, random: Random): Uint8Array {
  const at = place(bytes, random);
  const run = Buffer.from(pick(random, RUNS).repeat(below(random, 60_000)));
  return joined(bytes.subarray(0, at), run, bytes.subarray(at));
}

/** Behind the seed's first bytes, so that its reader takes them up; sometimes without. */
function randomBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const kept = random() < 0.8 ? below(random, Math.min(bytes.length, 400)) : 0;
  return joined(
    bytes.subarray(0, kept),
    Uint8Array.from({ length: below(random, 3000) }, () => below(random, 256)),
  );
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
