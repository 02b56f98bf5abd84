/**
 * A random forest over the points of a sweep, and the permutation importance of their keys.
 * Breiman, Random forests, Machine Learning 45 (2001). Small, because a sweep has tens to thousands of points.
 */
import { Random } from "@slicestack/stats";

export interface Feature {
  name: string;
  /** Numbers are split by a threshold, choices by one of them against the others. */
  kind: "number" | "choice";
  /** One entry per point; NaN if the key takes no part in it, which counts as a separate value. */
  values: readonly number[];
}

export interface Importance {
  name: string;
  /**
   * Increase in squared error when the key's values are shuffled among the points, as a share of the objective's
   * variance.
   */
  share: number;
}

export interface Effects {
  /** Largest first. */
  importances: Importance[];
  /**
   * Share of the objective's variance that the forest explains for points that it has not seen; 0 or less if it
   * explains nothing.
   */
  explained: number;
}

const TREES = 200;
const LEAST_LEAF = 2;

type Split = { feature: number; test: (value: number) => boolean };
type Node = { value: number } | { split: Split; yes: Node; no: Node };

/** @param targets the objective of each point */
export function effectsOf(features: readonly Feature[], targets: readonly number[], seed: number): Effects {
  const random = new Random(seed);
  const all = targets.map((_, k) => k);
  const variance = squaredError(all, targets) / targets.length;
  const predictions = targets.map(() => ({ sum: 0, count: 0 }));
  const rises = features.map((): number[] => []);
  for (let t = 0; t < TREES; t++) {
    const drawn = all.map(() => Math.floor(random.uniform(0, targets.length)));
    const inBag = new Set(drawn);
    const left = all.filter((k) => !inBag.has(k));
    if (left.length < 2) continue;
    const tree = grow(drawn, features, targets, random);
    const plain = left.map((k) => predict(tree, features, k, k));
    left.forEach((k, i) => {
      predictions[k]!.sum += plain[i]!;
      predictions[k]!.count++;
    });
    const error = errorOf(left, plain, targets);
    features.forEach((_, f) => {
      const shuffled = shuffledOf(left, random);
      const changed = left.map((k, i) => predict(tree, features, k, shuffled[i]!, f));
      rises[f]!.push(errorOf(left, changed, targets) - error);
    });
  }
  const seen = all.filter((k) => predictions[k]!.count > 0);
  const outOfBag = seen.map((k) => predictions[k]!.sum / predictions[k]!.count);
  const explained = variance === 0 ? 0 : 1 - errorOf(seen, outOfBag, targets) / variance;
  const importances = features.map(({ name }, f) => {
    const rise = rises[f]!.reduce((sum, one) => sum + one, 0) / Math.max(1, rises[f]!.length);
    return { name, share: variance === 0 ? 0 : Math.max(0, rise) / variance };
  });
  return { importances: importances.sort((a, b) => b.share - a.share), explained };
}

function grow(
  rows: readonly number[],
  features: readonly Feature[],
  targets: readonly number[],
  random: Random,
): Node {
  const value = meanOf(rows, targets);
  if (rows.length < 2 * LEAST_LEAF) return { value };
  const tried = shuffledOf(
    features.map((_, f) => f),
    random,
  ).slice(0, Math.max(1, Math.ceil((2 * features.length) / 3)));
  const split = bestSplit(rows, features, targets, tried);
  if (split === null) return { value };
  const isYes = (k: number) => split.test(features[split.feature]!.values[k]!);
  const [yes, no] = [rows.filter(isYes), rows.filter((k) => !isYes(k))];
  return { split, yes: grow(yes, features, targets, random), no: grow(no, features, targets, random) };
}

function bestSplit(
  rows: readonly number[],
  features: readonly Feature[],
  targets: readonly number[],
  tried: readonly number[],
): Split | null {
  let [best, least]: [Split | null, number] = [null, squaredError(rows, targets) - 1e-12];
  for (const feature of tried)
    for (const test of testsOf(features[feature]!, rows)) {
      const yes = rows.filter((k) => test(features[feature]!.values[k]!));
      if (yes.length < LEAST_LEAF || rows.length - yes.length < LEAST_LEAF) continue;
      const no = rows.filter((k) => !test(features[feature]!.values[k]!));
      const error = squaredError(yes, targets) + squaredError(no, targets);
      if (error < least) [best, least] = [{ feature, test }, error];
    }
  return best;
}

/** Thresholds between neighbouring values, at most twenty; each choice; and whether the key takes part at all. */
function testsOf({ kind, values }: Feature, rows: readonly number[]): ((value: number) => boolean)[] {
  const valuesOfRows = rows.map((k) => values[k]!);
  const distinct = [...new Set(valuesOfRows.filter((value) => !Number.isNaN(value)))].sort((a, b) => a - b);
  const absent =
    valuesOfRows.some(Number.isNaN) && distinct.length > 0 ? [(value: number) => Number.isNaN(value)] : [];
  if (kind === "choice") return [...absent, ...distinct.map((one) => (value: number) => value === one)];
  const gaps = distinct.slice(1).map((value, k) => (value + distinct[k]!) / 2);
  const step = Math.max(1, Math.ceil(gaps.length / 20));
  return [...absent, ...gaps.filter((_, k) => k % step === 0).map((gap) => (value: number) => value <= gap)];
}

/** @param from the row whose value of `permuted` replaces the row's own */
function predict(
  tree: Node,
  features: readonly Feature[],
  row: number,
  from: number,
  permuted?: number,
): number {
  let node = tree;
  while ("split" in node) {
    const { feature, test } = node.split;
    node = test(features[feature]!.values[feature === permuted ? from : row]!) ? node.yes : node.no;
  }
  return node.value;
}

const meanOf = (rows: readonly number[], targets: readonly number[]): number =>
  rows.reduce((sum, k) => sum + targets[k]!, 0) / rows.length;

function squaredError(rows: readonly number[], targets: readonly number[]): number {
  const mean = meanOf(rows, targets);
  return rows.reduce((sum, k) => sum + (targets[k]! - mean) ** 2, 0);
}

const errorOf = (rows: readonly number[], predicted: readonly number[], targets: readonly number[]): number =>
  rows.reduce((sum, k, i) => sum + (targets[k]! - predicted[i]!) ** 2, 0) / Math.max(1, rows.length);

function shuffledOf<T>(values: readonly T[], random: Random): T[] {
  const shuffled = [...values];
  for (let k = shuffled.length - 1; k > 0; k--) {
    const other = Math.floor(random.uniform(0, k + 1));
    [shuffled[k], shuffled[other]] = [shuffled[other]!, shuffled[k]!];
  }
  return shuffled;
}
