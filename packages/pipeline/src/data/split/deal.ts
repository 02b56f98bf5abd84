/** Distributes units over the folds of a cross-validation, so that every model can learn every class. */
import type { Random } from "@slicestack/stats";
import type { Unit } from "./units.js";

/** Number of other orders to try if the first one leaves out a class or gives uneven sizes; fewer for many units. */
const TRIES = 40;
const TRIES_OF_MANY = 2;
const MANY = 200;
/** The largest number of units that a step of the search moves and exchanges. */
const MOVABLE = 40;
const STEPS = 60;

/** The training folds of fold `fold`: the others, without the validation fold if no test part is shared. */
export function trainFolds(fold: number, k: number, sharedTest: boolean): number[] {
  const next = (fold + 1) % k;
  return Array.from({ length: k }, (_, other) => other).filter(
    (other) => other !== fold && (sharedTest || other !== next),
  );
}

/**
 * The greedy distribution, if each model has every class in train and the sizes differ by at most one unit; otherwise the
 * best one of a seeded search, which prefers, in this order, no class missing from a train part, none missing from a fold,
 * even sizes and even classes.
 */
export function dealFolds(units: readonly Unit[], k: number, sharedTest: boolean, random: Random): Unit[][] {
  const first = greedy(units, k, random);
  const search = new Search(units, k, sharedTest);
  let best = search.assign(first);
  let least = search.cost(best);
  if (search.isSound(best)) return first;
  const tries = units.length > MANY ? TRIES_OF_MANY : TRIES;
  for (let n = 0; n < tries && !search.isSound(best); n++) {
    const tryRandom = random.fork(`try ${n}`);
    const start = n === 0 ? best : search.assign(greedy(units, k, tryRandom));
    const improved = search.improved(start, tryRandom);
    const cost = search.cost(improved);
    if (cost < least - 1e-9) [best, least] = [improved, cost];
  }
  return Array.from({ length: k }, (_, fold) => units.filter((_, u) => best[u] === fold));
}

/** Units with the fold that each goes to. */
type Change = readonly (readonly [unit: number, fold: number])[];

/** Searches for the fold of each unit, with the faults of an assignment as one number, its cost. */
class Search {
  private readonly labels: number[];
  /** Number of units that have the label. */
  private readonly holders: Map<number, number>;
  private readonly totals: Map<number, number>;
  private readonly volumes: number;
  private readonly largest: number;
  /** Train parts that must lack a class, because too few units have it. */
  private readonly unavoidable: number;

  constructor(
    private readonly units: readonly Unit[],
    private readonly k: number,
    private readonly sharedTest: boolean,
  ) {
    this.labels = [...new Set(units.flatMap(({ labels }) => [...labels.keys()]))];
    const sum = (of: (unit: Unit) => number) => units.reduce((total, unit) => total + of(unit), 0);
    this.holders = new Map(
      this.labels.map((label) => [label, sum(({ labels }) => Number(labels.has(label)))]),
    );
    this.totals = new Map(this.labels.map((label) => [label, sum(({ labels }) => labels.get(label) ?? 0)]));
    this.volumes = sum(({ ids }) => ids.length);
    this.unavoidable = [...this.holders.values()].reduce((total, holders) => total + this.fewest(holders), 0);
    this.largest = Math.max(...units.map(({ ids }) => ids.length));
  }

  /** Fewest train parts without a class of `holders` units: the folds that have it must not all be val or test at once. */
  private fewest(holders: number): number {
    const at = Array.from({ length: Math.min(holders, this.k) }, (_, n) =>
      Math.floor((n * this.k) / Math.min(holders, this.k)),
    );
    const folds = Array.from({ length: this.k }, (_, fold) => trainFolds(fold, this.k, this.sharedTest));
    return folds.filter((others) => !others.some((fold) => at.includes(fold))).length;
  }

  assign(folds: readonly (readonly Unit[])[]): number[] {
    const of = new Map(folds.flatMap((fold, k) => fold.map(({ name }) => [name, k] as const)));
    return this.units.map(({ name }) => of.get(name)!);
  }

  private counted(assignment: readonly number[]): { sizes: number[]; labels: Map<number, number>[] } {
    const sizes = new Array<number>(this.k).fill(0);
    const labels = sizes.map(() => new Map<number, number>());
    this.units.forEach((unit, u) => {
      const fold = assignment[u]!;
      sizes[fold]! += unit.ids.length;
      for (const [label, count] of unit.labels)
        labels[fold]!.set(label, (labels[fold]!.get(label) ?? 0) + count);
    });
    return { sizes, labels };
  }

  /** Train parts that lack a class, and folds that lack one which has enough units for all. */
  private missing(labels: readonly ReadonlyMap<number, number>[]): { train: number; fold: number } {
    let [train, fold] = [0, 0];
    for (let f = 0; f < this.k; f++) {
      const others = trainFolds(f, this.k, this.sharedTest);
      for (const label of this.labels) {
        if (!others.some((other) => labels[other]!.has(label))) train++;
        if (this.holders.get(label)! >= this.k && !labels[f]!.has(label)) fold++;
      }
    }
    return { train, fold };
  }

  isSound(assignment: readonly number[]): boolean {
    const { sizes, labels } = this.counted(assignment);
    const { train, fold } = this.missing(labels);
    return train <= this.unavoidable && fold === 0 && Math.max(...sizes) - Math.min(...sizes) <= this.largest;
  }

  cost(assignment: readonly number[]): number {
    const { sizes, labels } = this.counted(assignment);
    const { train, fold } = this.missing(labels);
    const mean = this.volumes / this.k;
    const uneven = sizes.reduce((sum, size) => sum + ((size - mean) / mean) ** 2, 0);
    const empty = sizes.filter((size) => size === 0).length;
    const classes = this.labels.reduce((sum, label) => {
      const total = this.totals.get(label)!;
      return (
        sum +
        labels.reduce(
          (part, foldLabels) => part + ((foldLabels.get(label) ?? 0) / total - 1 / this.k) ** 2,
          0,
        )
      );
    }, 0);
    return 1e9 * empty + 1e6 * train + 1e3 * fold + 10 * uneven + classes;
  }

  /** Moves units, and exchanges two of them, while that lowers the cost. */
  improved(start: readonly number[], random: Random): number[] {
    const current = [...start];
    let cost = this.cost(current);
    const rare = (u: number) =>
      [...this.units[u]!.labels.keys()].some((label) => this.holders.get(label)! <= 2 * this.k);
    const indices = [...this.units.keys()];
    for (let step = 0; step < STEPS; step++) {
      const shuffled = random.fork(step).shuffle([...indices]);
      const movable = [...shuffled.filter(rare), ...shuffled.filter((u) => !rare(u))].slice(0, MOVABLE);
      let best: { change: Change; cost: number } | null = null;
      for (const change of this.changes(current, movable)) {
        const changed = [...current];
        for (const [unit, fold] of change) changed[unit] = fold;
        const after = this.cost(changed);
        if (after < (best?.cost ?? cost) - 1e-9) best = { change, cost: after };
      }
      if (best === null) return current;
      for (const [unit, fold] of best.change) current[unit] = fold;
      cost = best.cost;
    }
    return current;
  }

  /** All moves of a unit to another fold, and all exchanges of two units of different folds. */
  private *changes(current: readonly number[], movable: readonly number[]): Generator<Change> {
    for (const u of movable) {
      const from = current[u]!;
      for (let to = 0; to < this.k; to++) if (to !== from) yield [[u, to]];
      for (const v of movable) {
        const other = current[v]!;
        if (v > u && other !== from)
          yield [
            [u, other],
            [v, from],
          ];
      }
    }
  }
}

/**
 * Distributes units in the order of their size, the largest first, each to the fold that is least crowded in its classes;
 * ties go to the fold with the fewest volumes, then to the first. The order of units of equal size is random.
 */
function greedy(units: readonly Unit[], k: number, random: Random): Unit[][] {
  const totals = new Map<number, number>();
  for (const { labels } of units)
    for (const [label, count] of labels) totals.set(label, (totals.get(label) ?? 0) + count);
  const order = random.shuffle([...units]).sort((a, b) => b.ids.length - a.ids.length);
  // Rare classes first among equals in size: they have the fewest options.
  const rarest = ({ labels }: Unit) => Math.min(...[...labels.keys()].map((label) => totals.get(label) ?? 0));
  order.sort((a, b) => b.ids.length - a.ids.length || rarest(a) - rarest(b));
  const folds = Array.from({ length: k }, () => ({
    units: [] as Unit[],
    volumes: 0,
    labels: new Map<number, number>(),
  }));
  for (const unit of order) {
    // Sum over the unit's classes of the share that the fold would hold: the least crowded fold wins.
    const crowd = ({ labels }: (typeof folds)[number]) =>
      [...unit.labels].reduce(
        (sum, [label, count]) => sum + (((labels.get(label) ?? 0) + count) / (totals.get(label) ?? 1)) ** 2,
        0,
      );
    const best = folds.reduce((least, fold) => {
      const difference = crowd(fold) - crowd(least);
      return difference < -1e-12 || (difference < 1e-12 && fold.volumes < least.volumes) ? fold : least;
    });
    best.units.push(unit);
    best.volumes += unit.ids.length;
    for (const [label, count] of unit.labels) best.labels.set(label, (best.labels.get(label) ?? 0) + count);
  }
  return folds.map((fold) => fold.units);
}
