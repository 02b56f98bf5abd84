/** The probability at which a volume is called positive: chosen on the validation set, then frozen. */
import { RangeOfParameterError, ShapeError } from "../errors.js";
import type { Fitted } from "../fitted.js";
import { middleOfBest } from "./plateau.js";
import { checkFittedOnVal, checkProbabilities, type PartScored } from "../metrics/check.js";

/** What a threshold is chosen for. */
export type ThresholdRule =
  /** sensitivity + specificity - 1. Youden, Cancer 3 (1950) 32 */
  | { kind: "youden" }
  /** the highest specificity among the thresholds of at least this sensitivity */
  | { kind: "sensitivity"; atLeast: number }
  /** the highest sensitivity among the thresholds of at least this specificity */
  | { kind: "specificity"; atLeast: number }
  /** F1 of the positive class */
  | { kind: "f1" }
  /** the least cost per volume of what is missed and of what is a false alarm, in any one unit */
  | { kind: "cost"; miss: number; falseAlarm: number };

/** A threshold that is no longer changed. */
export interface FrozenThreshold {
  /** positive where the probability of class 1 is at least this */
  readonly threshold: number;
  readonly rule: ThresholdRule;
  /** its performance on the validation set, where it was chosen: optimistic for that reason */
  readonly onVal: {
    readonly positives: number;
    readonly negatives: number;
    readonly sensitivity: number;
    readonly specificity: number;
  };
}

/** A candidate: all volumes at or above it are called positive. */
interface Candidate {
  threshold: number;
  truePositives: number;
  falsePositives: number;
}

/** A probability from which a volume is called positive, for binary tasks. */
export class DecisionThreshold implements Fitted<number[], FrozenThreshold> {
  readonly #frozen: FrozenThreshold;

  private constructor(frozen: FrozenThreshold) {
    this.#frozen = Object.freeze(frozen);
  }

  /**
   * Tries a threshold between every two neighbouring probabilities of the validation set, one below and one above them
   * all. Of equally good neighbours it takes the middle one, which depends least on chance.
   * @throws PredictionsError unless the part is val, ShapeError unless there are two classes and both occur,
   *   RangeOfParameterError; the errors of checkScored
   */
  static fit(val: PartScored, rule: ThresholdRule): DecisionThreshold {
    const classes = checkFittedOnVal("the decision threshold", val);
    if (classes !== 2) throw new ShapeError("DecisionThreshold", "2 classes", String(classes));
    checkRule(rule);
    return new DecisionThreshold(choose(val, rule));
  }

  /** @throws RangeOfParameterError unless the threshold is a number */
  static fromJSON(kept: FrozenThreshold): DecisionThreshold {
    if (!Number.isFinite(kept.threshold))
      throw new RangeOfParameterError("threshold", "a number", String(kept.threshold));
    return new DecisionThreshold({ ...kept });
  }

  /** @returns 1 where the probability of class 1 reaches the threshold   @throws the errors of checkProbabilities */
  apply(probabilities: readonly (readonly number[])[]): number[] {
    checkProbabilities(probabilities, 2);
    return probabilities.map((row) => (row[1]! >= this.#frozen.threshold ? 1 : 0));
  }

  toJSON(): FrozenThreshold {
    return this.#frozen;
  }
}

function choose(val: PartScored, rule: ThresholdRule): FrozenThreshold {
  const positives = val.labels.filter((label) => label === 1).length;
  const negatives = val.labels.length - positives;
  if (positives === 0 || negatives === 0)
    throw new ShapeError(
      "DecisionThreshold: labels",
      "both classes",
      positives === 0 ? "no positives" : "no negatives",
    );
  const candidates = candidatesOf(val);
  const merits = candidates.map(({ truePositives, falsePositives }) =>
    merit(rule, { truePositives, falsePositives, positives, negatives }),
  );
  const best = Math.max(...merits.map(([first]) => first));
  const chosen =
    candidates[middleOfBest(merits.map(([first, then]) => (first >= best - 1e-12 ? then : -Infinity)))]!;
  return {
    threshold: chosen.threshold,
    rule: Object.freeze({ ...rule }),
    onVal: Object.freeze({
      positives,
      negatives,
      sensitivity: chosen.truePositives / positives,
      specificity: 1 - chosen.falsePositives / negatives,
    }),
  };
}

function checkRule(rule: ThresholdRule): void {
  if (rule.kind === "sensitivity" || rule.kind === "specificity") {
    if (!(rule.atLeast > 0 && rule.atLeast <= 1))
      throw new RangeOfParameterError(`${rule.kind}: atLeast`, "above 0, at most 1", String(rule.atLeast));
  } else if (rule.kind === "cost") {
    for (const [name, value] of Object.entries({ miss: rule.miss, falseAlarm: rule.falseAlarm }))
      if (!(value > 0 && Number.isFinite(value)))
        throw new RangeOfParameterError(`cost: ${name}`, "a number > 0", String(value));
  }
}

/** Above every probability: nobody is called positive. */
const NOBODY = 2;

/** Thresholds from "nobody" down to "everybody" (0), halfway between distinct probabilities. */
function candidatesOf({ labels, probabilities }: PartScored): Candidate[] {
  const order = [...labels.keys()].sort((a, b) => probabilities[b]![1]! - probabilities[a]![1]!);
  const candidates: Candidate[] = [{ threshold: NOBODY, truePositives: 0, falsePositives: 0 }];
  let [truePositives, falsePositives] = [0, 0];
  order.forEach((i, k) => {
    if (labels[i] === 1) truePositives++;
    else falsePositives++;
    const p = probabilities[i]![1]!;
    const next = order[k + 1] === undefined ? undefined : probabilities[order[k + 1]!]![1]!;
    if (next === p) return;
    candidates.push({ threshold: next === undefined ? 0 : (p + next) / 2, truePositives, falsePositives });
  });
  return candidates;
}

/**
 * Larger is better; the second number decides between candidates that are equal in the first. -Infinity where the rule
 * forbids the candidate.
 */
function merit(
  rule: ThresholdRule,
  counts: { truePositives: number; falsePositives: number; positives: number; negatives: number },
): [number, number] {
  const { truePositives, falsePositives, positives, negatives } = counts;
  const sensitivity = truePositives / positives;
  const specificity = 1 - falsePositives / negatives;
  switch (rule.kind) {
    case "youden":
      return [sensitivity + specificity - 1, 0];
    case "sensitivity":
      return [sensitivity >= rule.atLeast - 1e-12 ? specificity : -Infinity, sensitivity];
    case "specificity":
      return [specificity >= rule.atLeast - 1e-12 ? sensitivity : -Infinity, specificity];
    case "f1":
      return [(2 * truePositives) / (positives + truePositives + falsePositives), 0];
    case "cost":
      return [-(rule.miss * (positives - truePositives) + rule.falseAlarm * falsePositives), 0];
  }
}
