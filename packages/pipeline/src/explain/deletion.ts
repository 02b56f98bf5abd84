/**
 * Does a map rank what the model needs before what it does not? Deletion takes the highest cells away first, insertion brings
 * them back first; the area under the probability of the class tells. Petsiuk, Das, Saenko, RISE: Randomized Input Sampling
 * for Explanation of Black-box Models, BMVC 2018. There the area stands alone; here a random order of the same cells stands
 * beside it, because what deletion does to a picture that the model never saw counts as well.
 */
import type { Random } from "../data/random.js";

/** Probability of the class at each share of the cells. */
export interface Curves {
  /** Shares of the cells, 0 to 1. */
  shares: number[];
  /** So much deleted, the highest first. */
  deletion: number[];
  /** So much inserted, the highest first. */
  insertion: number[];
}

export interface OrderCheck {
  map: Curves;
  /** The mean over random orders. */
  random: Curves;
  /** Areas under the four curves, and by how much the map is better than chance: above 0 is better. */
  areas: { deletion: number; insertion: number; randomDeletion: number; randomInsertion: number };
  gain: { deletion: number; insertion: number };
}

export interface OrderOptions {
  /** Cells that count, by number. */
  cells: readonly number[];
  /** What the map says of each of these. */
  values: ArrayLike<number>;
  /** Of the class, where only these cells are as they were and all others are deleted. */
  probability: (kept: ReadonlySet<number>) => number;
  /** Parts that the cells are deleted in. */
  steps: number;
  /** Random orders. */
  draws: number;
  random: Random;
}

export function checkOrder({ cells, values, probability, steps, draws, random }: OrderOptions): OrderCheck {
  const parts = Math.max(1, Math.min(steps, cells.length));
  const shares = Array.from({ length: parts + 1 }, (_, k) => k / parts);
  const [full, empty] = [probability(new Set(cells)), probability(new Set())];
  const cut = (share: number) => Math.round(share * cells.length);
  const kept = (order: readonly number[], from: number, to: number) => probability(new Set(order.slice(from, to)));
  const deletionOf = (order: readonly number[]) =>
    shares.map((share) => (share === 0 ? full : share === 1 ? empty : kept(order, cut(share), cells.length)));
  const insertionOf = (order: readonly number[]) =>
    shares.map((share) => (share === 0 ? empty : share === 1 ? full : kept(order, 0, cut(share))));

  const ranked = rankedBy(cells, values, random);
  const map = { shares, deletion: deletionOf(ranked), insertion: insertionOf(ranked) };
  // What is inserted by an order is what its reverse deletes, read backwards: a random order serves for both.
  const drawn = Array.from({ length: draws }, () => deletionOf(random.shuffle([...cells])));
  const deletion = shares.map((_, k) => mean(drawn.map((curve) => curve[k]!)));
  const mirrored = { shares, deletion, insertion: deletion.toReversed() };
  const areas = {
    deletion: area(shares, map.deletion),
    insertion: area(shares, map.insertion),
    randomDeletion: area(shares, mirrored.deletion),
    randomInsertion: area(shares, mirrored.insertion),
  };
  const gain = {
    deletion: areas.randomDeletion - areas.deletion,
    insertion: areas.insertion - areas.randomInsertion,
  };
  return { map, random: mirrored, areas, gain };
}

/** Highest first; equal ones, such as all cells of an empty map, in random order. */
function rankedBy(cells: readonly number[], values: ArrayLike<number>, random: Random): number[] {
  const places = random.shuffle(cells.map((_, k) => k));
  return places.sort((a, b) => values[b]! - values[a]!).map((k) => cells[k]!);
}

/** By trapezoids. */
export function area(x: readonly number[], y: readonly number[]): number {
  let sum = 0;
  for (let k = 1; k < x.length; k++) sum += ((x[k]! - x[k - 1]!) * (y[k]! + y[k - 1]!)) / 2;
  return sum;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
