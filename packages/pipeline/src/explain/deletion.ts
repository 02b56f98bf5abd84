/**
 * Checks whether a map ranks what the model needs before what it does not. Deletion removes the highest cells first,
 * insertion restores them first; the measure is the area under the probability of the class. Petsiuk, Das, Saenko, RISE:
 * Randomized Input Sampling for Explanation of Black-box Models, BMVC 2018. Unlike there, the area is compared with that
 * of random orders of the same cells, because deletion also creates images unlike any that the model was trained on.
 */
import type { Random } from "@slicestack/stats";

/** Probability of the class at each fraction of the cells. */
export interface Curves {
  /** Fractions of the cells, 0 to 1. */
  shares: number[];
  /** Probability after deletion of this fraction, highest cells first. */
  deletion: number[];
  /** Probability after insertion of this fraction, highest cells first. */
  insertion: number[];
}

export interface OrderCheck {
  map: Curves;
  /** The mean over random orders. */
  random: Curves;
  /** Areas under the four curves. `gain` is the improvement of the map over random orders: above 0 is better. */
  areas: { deletion: number; insertion: number; randomDeletion: number; randomInsertion: number };
  gain: { deletion: number; insertion: number };
}

/** The cells to delete, and the model's probability for the rest. */
export interface Deletable {
  /** Numbers of the cells that count. */
  cells: readonly number[];
  /** Probability of the class with only these cells kept and all others deleted. */
  probability: (kept: ReadonlySet<number>) => number;
  /** Number of steps in which the cells are deleted. */
  steps: number;
}

/** The mean of deletion in random orders, for all maps of a volume. @param draws number of orders */
export function randomCurves(deletable: Deletable, draws: number, random: Random): Curves {
  const sweep = new Sweep(deletable);
  const drawn = Array.from({ length: draws }, () => sweep.deletion(random.shuffle([...deletable.cells])));
  const deletion = sweep.shares.map((_, k) => mean(drawn.map((curve) => curve[k]!)));
  // Insertion in one order is deletion in the reverse order, read backwards, so random orders serve for both.
  return { shares: sweep.shares, deletion, insertion: deletion.toReversed() };
}

/**
 * @param values of the map for each cell   @param random the curves of random orders
 * @param ties orders cells of equal value
 */
export function checkOrder(
  deletable: Deletable,
  values: ArrayLike<number>,
  random: Curves,
  ties: Random,
): OrderCheck {
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

/** The probability along an order. The two ends, which all orders share, are computed once. */
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

/** Highest first; equal values, such as all cells of an empty map, in random order. */
function rankedBy(cells: readonly number[], values: ArrayLike<number>, random: Random): number[] {
  const order = random.shuffle(cells.map((_, k) => k));
  return order.sort((a, b) => values[b]! - values[a]!).map((k) => cells[k]!);
}

/** Area under a curve, by the trapezoidal rule. */
export function area(x: readonly number[], y: readonly number[]): number {
  let sum = 0;
  for (let k = 1; k < x.length; k++) sum += ((x[k]! - x[k - 1]!) * (y[k]! + y[k - 1]!)) / 2;
  return sum;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
