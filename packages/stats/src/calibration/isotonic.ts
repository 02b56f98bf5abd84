/** Calibration by an increasing function, for binary tasks with a large validation set. */
import { ShapeError } from "../errors.js";
import type { Fitted } from "../fitted.js";
import { checkFittedOnVal, checkProbabilities, type PartScored } from "../metrics/check.js";

/** Knots of an increasing function of the probability of class 1: linear between them, constant beyond. */
export interface IsotonicMap {
  readonly probability: readonly number[];
  readonly calibrated: readonly number[];
}

/**
 * Isotonic regression by pooling adjacent violators. Zadrozny & Elkan, KDD 2002. It fits any increasing curve, so it
 * memorises a small validation set: below a few hundred volumes, use temperature scaling instead (Niculescu-Mizil &
 * Caruana, ICML 2005).
 */
export class IsotonicRegression implements Fitted<number[][], IsotonicMap> {
  readonly #map: IsotonicMap;

  private constructor(map: IsotonicMap) {
    this.#map = map;
  }

  /**
   * @throws PredictionsError unless the part is val, ShapeError unless there are two classes; the errors of checkScored
   */
  static fit(val: PartScored): IsotonicRegression {
    const classes = checkFittedOnVal("the isotonic map", val);
    if (classes !== 2) throw new ShapeError("IsotonicRegression", "2 classes", String(classes));
    return new IsotonicRegression(knotsOf(val));
  }

  /** @throws ShapeError unless every knot has its calibrated value */
  static fromJSON({ probability, calibrated }: IsotonicMap): IsotonicRegression {
    if (probability.length === 0 || calibrated.length !== probability.length)
      throw new ShapeError(
        "calibrated",
        `${Math.max(1, probability.length)} values`,
        String(calibrated.length),
      );
    return new IsotonicRegression({ probability: [...probability], calibrated: [...calibrated] });
  }

  /** @returns rows [1 - q, q]   @throws the errors of checkProbabilities for two classes */
  apply(probabilities: readonly (readonly number[])[]): number[][] {
    checkProbabilities(probabilities, 2);
    const { probability, calibrated } = this.#map;
    return probabilities.map((row) => {
      const q = interpolate(probability, calibrated, row[1]!);
      return [1 - q, q];
    });
  }

  toJSON(): IsotonicMap {
    return { ...this.#map };
  }
}

function knotsOf(val: PartScored): IsotonicMap {
  const order = [...val.labels.keys()].sort((a, b) => val.probabilities[a]![1]! - val.probabilities[b]![1]!);
  const blocks: Block[] = [];
  for (const i of order) {
    const p = val.probabilities[i]![1]!;
    const last = blocks.at(-1);
    // Equal probabilities form one point, in whatever order they arrive.
    if (last?.high === p && last.low === p) {
      last.sum += val.labels[i]!;
      last.count++;
    } else {
      pool(blocks);
      blocks.push({ low: p, high: p, sum: val.labels[i]!, count: 1 });
    }
  }
  pool(blocks);
  const knots = blocks.flatMap(({ low, high, sum, count }) =>
    (low === high ? [low] : [low, high]).map((p) => [p, sum / count] as const),
  );
  return { probability: knots.map(([p]) => p), calibrated: knots.map(([, y]) => y) };
}

/** Volumes that share one calibrated value; `low` and `high` are the limits of their probabilities. */
interface Block {
  low: number;
  high: number;
  sum: number;
  count: number;
}

/** Joins the last blocks as long as their means decrease. */
function pool(blocks: Block[]): void {
  while (blocks.length > 1) {
    const [before, last] = [blocks[blocks.length - 2]!, blocks[blocks.length - 1]!];
    if (before.sum / before.count < last.sum / last.count) return;
    blocks.pop();
    before.high = last.high;
    before.sum += last.sum;
    before.count += last.count;
  }
}

function interpolate(x: readonly number[], y: readonly number[], at: number): number {
  if (at <= x[0]!) return y[0]!;
  if (at >= x[x.length - 1]!) return y[y.length - 1]!;
  let [low, high] = [0, x.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle]! <= at) low = middle;
    else high = middle;
  }
  return y[low]! + ((at - x[low]!) / (x[high]! - x[low]!)) * (y[high]! - y[low]!);
}
