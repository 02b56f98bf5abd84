/**
 * Does a map rank what the model needs before what it does not? Deletion takes the highest cells away first, insertion brings
 * them back first; the area under the probability of the class tells. Petsiuk, Das, Saenko, RISE: Randomized Input Sampling
 * for Explanation of Black-box Models, BMVC 2018. There the area stands alone; here a random order of the same cells stands
 * beside it, because what deletion does to a picture that the model never saw counts as well.
 */
import type { Random } from "@slicestack/stats";

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

/** What is deleted, and what a model says of the rest. */
export interface Deletable {
  /** Cells that count, by number. */
  cells: readonly number[];
  /** Of the class, where only these cells are as they were and all others are deleted. */
  probability: (kept: ReadonlySet<number>) => number;
  /** Parts that the cells are deleted in. */
  steps: number;
}

/** Deletion in random orders, the mean: it serves for all maps of a volume. @param draws orders */
export function randomCurves(deletable: Deletable, draws: number, random: Random): Curves {
  const sweep = new Sweep(deletable);
  const drawn = Array.from({ length: draws }, () => sweep.deletion(random.shuffle([...deletable.cells])));
  const deletion = sweep.shares.map((_, k) => mean(drawn.map((curve) => curve[k]!)));
  // What an order inserts its reverse deletes, read backwards: a random order serves for both.
  return { shares: sweep.shares, deletion, insertion: deletion.toReversed() };
}

/**
 * @param values what the map says of each cell   @param random the curves of random orders
 * @param ties orders cells of one value
 */
export function checkOrder(deletable: Deletable, values: ArrayLike<number>, random: Curves, ties: Random): OrderCheck {
  const sweep = new Sweep(deletable);
  const { shares } = sweep;
  const ranked = rankedBy(deletable.cells, values, ties);
  const map = { shares, deletion: sweep.deletion(ranked), insertion: sweep.insertion(ranked) };
  const areas = {
    deletion: area(shares, map.deletion),
    insertion: area(shares, map.insertion),
    randomDeletion: area(shares, random.deletion),
    randomInsertion: area(shares, random.insertion),
  };
  const gain = {
    deletion: areas.randomDeletion - areas.deletion,
    insertion: areas.insertion - areas.randomInsertion,
  };
  return { map, random, areas, gain };
}

/** The probability along an order. Nothing and everything are looked at once. */
class Sweep {
  readonly shares: number[];
  readonly #of: Deletable;
  readonly #ends: { full: number; empty: number };

  constructor(deletable: Deletable) {
    const { cells, probability, steps } = deletable;
    const parts = Math.max(1, Math.min(steps, cells.length));
    this.shares = Array.from({ length: parts + 1 }, (_, k) => k / parts);
    this.#of = deletable;
    this.#ends = { full: probability(new Set(cells)), empty: probability(new Set()) };
  }

  deletion(order: readonly number[]): number[] {
    const { full, empty } = this.#ends;
    return this.shares.map((share) =>
      share === 0 ? full : share === 1 ? empty : this.#kept(order.slice(this.#cut(share))),
    );
  }

  insertion(order: readonly number[]): number[] {
    const { full, empty } = this.#ends;
    return this.shares.map((share) =>
      share === 0 ? empty : share === 1 ? full : this.#kept(order.slice(0, this.#cut(share))),
    );
  }

  #cut(share: number): number {
    return Math.round(share * this.#of.cells.length);
  }

  #kept(cells: readonly number[]): number {
    return this.#of.probability(new Set(cells));
  }
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
