/**
 * Prediction sets: instead of one class, all classes that cannot be ruled out, so that the true class is missed in
 * about a chosen share of cases. Fitted on subjects that were used for nothing else, the sets miss at most this share,
 * whatever the model and its calibration. Here the validation set also chose the epoch, so they miss slightly more:
 * reportSets counts how much on the test set. Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World (2005);
 * Angelopoulos & Bates, Foundations and Trends in Machine Learning 16 (2023) 494. All of this holds for scans like
 * those of the validation set, not for scans from another hospital.
 */
import { RangeOfParameterError, ShapeError } from "../errors.js";
import type { Fitted } from "../fitted.js";
import { checkFittedOnVal, checkProbabilities, type PartScored } from "../metrics/check.js";
import { argmax } from "../metrics/confusion.js";

/**
 * The nonconformity score of a class for a scan. "lac": 1 - p of the class, which gives the smallest sets (Sadinle, Lei
 * & Wasserman, J. Am. Stat. Assoc. 114 (2019) 223). "aps": the summed probability of this class and all more likely
 * ones, which spreads the misses more evenly over easy and hard scans (Romano, Sesia & Candès, NeurIPS 2020; without
 * their randomisation, so that a scan always gets the same set, at the cost of slightly larger sets).
 */
export type ConformalScore = "lac" | "aps";

export interface ConformalOptions {
  /** target share of scans whose set misses the true class, e.g. 0.1 */
  miss: number;
  score: ConformalScore;
  /** true: separately for each class (Vovk 2012), which needs 1 / miss - 1 subjects of each class */
  byClass: boolean;
}

/** What is learned from the validation set. */
export interface ConformalModel extends ConformalOptions {
  /**
   * highest score that still belongs to a set, for each class; null where there are too few subjects to ever rule the
   * class out
   */
  quantile_C: readonly (number | null)[];
  /** number of validation subjects behind each quantile */
  subjects_C: readonly number[];
}

/** Sums of the same probabilities in another order differ by less than this; equal scores must count as equal. */
const ROUNDING = 1e-12;

/** Split conformal prediction: the classes of each scan that the validation set does not rule out. */
export class ConformalPredictor implements Fitted<boolean[][], ConformalModel> {
  readonly #model: ConformalModel;

  private constructor(model: ConformalModel) {
    this.#model = model;
  }

  /**
   * The ⌈(n + 1)(1 - miss)⌉-th smallest score of the true classes of the validation set. The unit is the subject: of
   * several volumes the highest score counts, so that all volumes of a new subject are covered.
   * @throws PredictionsError unless the part is val, RangeOfParameterError unless 0 < miss < 1; the errors of checkScored
   */
  static fit(val: PartScored, options: ConformalOptions): ConformalPredictor {
    const classes = checkFittedOnVal("the conformal quantile", val);
    checkMiss(options);
    return new ConformalPredictor(quantilesOf(val, classes, options));
  }

  /** @throws RangeOfParameterError unless 0 < miss < 1, ShapeError without a quantile for each of two classes or more */
  static fromJSON(kept: ConformalModel): ConformalPredictor {
    checkMiss(kept);
    if (kept.quantile_C.length < 2)
      throw new ShapeError(
        "quantile_C",
        "a quantile for each of 2 or more classes",
        String(kept.quantile_C.length),
      );
    return new ConformalPredictor({ ...kept });
  }

  /**
   * The set of each scan. "lac" may return an empty set, which means that the scan is unlike all validation scans; "aps"
   * always includes the most likely class.
   * @returns N x C, true where the class is in the set   @throws ShapeError, the errors of checkProbabilities
   */
  apply(probabilities: readonly (readonly number[])[]): boolean[][] {
    const { quantile_C, score } = this.#model;
    checkProbabilities(probabilities, quantile_C.length);
    return probabilities.map((row) => {
      const likeliest = argmax(row);
      return quantile_C.map(
        (quantile, c) =>
          quantile === null ||
          strangenessOf(row, c, score) <= quantile + ROUNDING ||
          (score === "aps" && c === likeliest),
      );
    });
  }

  toJSON(): ConformalModel {
    return { ...this.#model };
  }
}

function checkMiss({ miss }: ConformalOptions): void {
  if (!(miss > 0 && miss < 1))
    throw new RangeOfParameterError("miss", "a number between 0 and 1", String(miss));
}

function quantilesOf(val: PartScored, classes: number, options: ConformalOptions): ConformalModel {
  const { miss, score, byClass } = options;
  const strangest = Array.from({ length: byClass ? classes : 1 }, () => new Map<string, number>());
  val.labels.forEach((label, i) => {
    const group = strangest[byClass ? label : 0]!;
    const strangeness = strangenessOf(val.probabilities[i]!, label, score);
    group.set(val.subjects[i]!, Math.max(strangeness, group.get(val.subjects[i]!) ?? 0));
  });
  const fitted = strangest.map((group) => ({
    quantile: quantileOf([...group.values()], miss),
    subjects: group.size,
  }));
  const of = (c: number) => fitted[byClass ? c : 0]!;
  return {
    ...options,
    quantile_C: Array.from({ length: classes }, (_, c) => of(c).quantile),
    subjects_C: Array.from({ length: classes }, (_, c) => of(c).subjects),
  };
}

function quantileOf(scores: readonly number[], miss: number): number | null {
  // Without the subtraction, 20 · 0.95 could be rounded to slightly above 19.
  const rank = Math.ceil((scores.length + 1) * (1 - miss) - 1e-9);
  return rank > scores.length ? null : [...scores].sort((a, b) => a - b)[rank - 1]!;
}

function strangenessOf(row: readonly number[], c: number, score: ConformalScore): number {
  if (score === "lac") return 1 - row[c]!;
  let sum = row[c]!;
  for (const p of row) if (p > row[c]!) sum += p;
  return sum;
}

/** @throws ShapeError unless each label has a set of C classes */
export function checkSets(sets_NC: readonly (readonly boolean[])[], rows: number): number {
  const classes = sets_NC[0]?.length ?? 0;
  if (rows === 0 || sets_NC.length !== rows)
    throw new ShapeError(
      "prediction sets",
      `${Math.max(1, rows)} sets, one per label`,
      String(sets_NC.length),
    );
  const odd = sets_NC.findIndex((set) => set.length !== classes);
  if (odd >= 0)
    throw new ShapeError(`prediction sets, row ${odd}`, `${classes} classes`, String(sets_NC[odd]!.length));
  return classes;
}
