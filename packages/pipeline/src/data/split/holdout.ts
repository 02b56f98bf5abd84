/** One split into train, val and test. */
import { Random } from "@slicestack/stats";
import { SplitError } from "../errors.js";
import { labelsOf, type Dataset } from "../store.js";
import { PARTS, type Part } from "./parts.js";
import { sealed, type Split } from "./split.js";
import { unitsOf, type Unit } from "./units.js";

export interface SplitOptions {
  seed: number;
  /** Shares of train, val, test; default 0.6, 0.2, 0.2. A share of 0 leaves its part empty. */
  fractions?: [number, number, number];
  /** Column of subjects.csv, e.g. site: subjects that share a value of it stay together. */
  group?: string;
}

/** Number of seeded tries; the first with every class in every part is used. */
const TRIES = 50;
/** A class with fewer subjects cannot be in train, val and test. */
const ENOUGH = 3;

/**
 * Splits by subject (and by `group`), stratified by the unit's highest label. A class of at least three units is in every
 * part; smaller classes are named in `warnings`.
 * @throws SplitError if the fractions do not sum to 1, or there are fewer units than parts
 */
export function makeSplit(
  dataset: Dataset,
  { seed, fractions = [0.6, 0.2, 0.2], group }: SplitOptions,
): Split {
  checkFractions(fractions);
  const units = unitsOf(dataset, group);
  const used = PARTS.filter((_, i) => (fractions[i] ?? 0) > 0);
  const what = group === undefined ? "subjects" : `groups by ${group}`;
  if (units.length < used.length) {
    throw new SplitError(
      `expected at least ${used.length} ${what}, but the data set has ${units.length}`,
      `Add subjects: each of ${used.join(", ")} needs at least one.`,
    );
  }
  const random = new Random(seed);
  let assignment = assign(units, fractions, random.fork("split 0"));
  for (let n = 1; n < TRIES && missing(units, assignment, used).length > 0; n++) {
    const next = assign(units, fractions, random.fork(`split ${n}`));
    if (missing(units, next, used).length <= missing(units, assignment, used).length) assignment = next;
  }
  const parts: Record<Part, string[]> = { train: [], val: [], test: [] };
  for (const unit of units) parts[assignment.get(unit.name) ?? "train"].push(...unit.ids);
  return sealed(dataset, {
    seed,
    group,
    parts,
    warnings: warningsOf(dataset, units, assignment, used, what),
  });
}

function checkFractions(fractions: readonly number[]): void {
  const sum = fractions.reduce((a, b) => a + b, 0);
  const valid =
    fractions.length === 3 && fractions.every((f) => f >= 0 && f <= 1) && Math.abs(sum - 1) < 1e-6;
  if (valid && (fractions[0] ?? 0) > 0) return;
  throw new SplitError(
    `fractions: expected three shares that sum to 1, the first above 0, received ${fractions.join(", ")}`,
    "0.6, 0.2, 0.2 is usual.",
  );
}

function assign(units: readonly Unit[], fractions: readonly number[], random: Random): Map<string, Part> {
  const result = new Map<string, Part>();
  const classes = [...new Set(units.map(({ highest }) => highest))].sort((a, b) => a - b);
  // Rounding errors of one class are compensated in the next.
  const owed = [0, 0, 0];
  for (const label of classes) {
    const stratum = random.fork(label).shuffle(units.filter(({ highest }) => highest === label));
    const counts = share(stratum.length, fractions, owed);
    let next = 0;
    counts.forEach((count, i) => {
      for (const { name } of stratum.slice(next, next + count)) result.set(name, PARTS[i] ?? "train");
      next += count;
    });
  }
  return result;
}

/** How many of n go to train, val and test: at least one each if n allows it, train first, then test, then val. */
function share(n: number, fractions: readonly number[], owed: number[]): number[] {
  const order = [0, 2, 1].filter((i) => (fractions[i] ?? 0) > 0);
  const counts = [0, 0, 0];
  for (const i of order.slice(0, n)) counts[i] = 1;
  const behind = (i: number) => (fractions[i] ?? 0) * n + (owed[i] ?? 0) - (counts[i] ?? 0);
  for (let left = n - Math.min(n, order.length); left > 0; left--) {
    const neediest = order.reduce((best, i) => (behind(i) > behind(best) ? i : best));
    counts[neediest] = (counts[neediest] ?? 0) + 1;
  }
  [0, 1, 2].forEach((i) => (owed[i] = behind(i)));
  return counts;
}

/** Classes with enough units that are missing from a part. */
function missing(
  units: readonly Unit[],
  assignment: ReadonlyMap<string, Part>,
  used: readonly Part[],
): [number, Part][] {
  const classes = new Set(units.flatMap(({ labels }) => [...labels.keys()]));
  return [...classes].flatMap((label) => {
    const holders = units.filter(({ labels }) => labels.has(label));
    if (holders.length < ENOUGH) return [];
    const parts = new Set(holders.map(({ name }) => assignment.get(name)));
    return used.filter((part) => !parts.has(part)).map((part) => [label, part] as [number, Part]);
  });
}

function warningsOf(
  dataset: Dataset,
  units: readonly Unit[],
  assignment: ReadonlyMap<string, Part>,
  used: readonly Part[],
  what: string,
): string[] {
  const warnings: string[] = [];
  labelsOf(dataset.info).forEach((label) => {
    const name = dataset.info.classes[label]!;
    const count = units.filter(({ labels }) => labels.has(label)).length;
    if (count >= ENOUGH) return;
    const counted = count === 1 ? what.replace(/s\b/, "") : what;
    warnings.push(`${classOf(label, name)} has ${count} ${counted}: too few to be in every part`);
  });
  for (const [label, part] of missing(units, assignment, used)) {
    warnings.push(
      `${classOf(label, dataset.info.classes[label] ?? "")} is not in ${part}: its subjects also have higher labels`,
    );
  }
  const filled = new Set(assignment.values());
  for (const part of used.filter((part) => !filled.has(part)))
    warnings.push(
      `${part} is empty, because no class has ${ENOUGH} ${what}; training needs volumes in train and val`,
    );
  return warnings;
}

/** "class 2 (CT-2)", or only "class 2" if the name is the number. */
const classOf = (label: number, name: string): string =>
  `class ${label}${name === String(label) ? "" : ` (${name})`}`;
