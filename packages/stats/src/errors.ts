/** An array has the wrong length, or two arrays that must match do not. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
  constructor(
    readonly what: string,
    readonly expected: string,
    readonly received: string,
  ) {
    super(`${what}: expected ${expected}, received ${received}`);
  }
}

/** A row of probabilities is not finite, leaves 0..1, or does not sum to 1. */
export class ProbabilityError extends Error {
  override readonly name = "ProbabilityError";
  constructor(
    readonly row: number,
    readonly expected: string,
    readonly received: string,
  ) {
    super(
      `probabilities, row ${row}: expected ${expected}, received ${received}. ` +
        `Predict again with softmax over the classes. NaN means that training diverged.`,
    );
  }
}

/** A label is not an integer class 0..C-1. */
export class LabelError extends Error {
  override readonly name = "LabelError";
  constructor(
    readonly row: number,
    readonly classes: number,
    readonly received: string,
  ) {
    super(`labels, row ${row}: expected an integer 0..${classes - 1}, received ${received}`);
  }
}

/** Predictions that cannot be evaluated or compared: a broken file, a repeated id, two models on different subjects. */
export class PredictionsError extends Error {
  override readonly name = "PredictionsError";
  constructor(
    message: string,
    readonly file?: string,
  ) {
    super(file === undefined ? message : `${file}: ${message}`);
  }
}

/** A test that assumes independent volumes received several volumes of one subject. */
export class ClusteredSubjectsError extends Error {
  override readonly name = "ClusteredSubjectsError";
  constructor(
    readonly test: string,
    /** subjects with several volumes */
    readonly subjects: readonly string[],
  ) {
    const shown = subjects.slice(0, 3).join(", ") + (subjects.length > 3 ? ", …" : "");
    super(
      `${test}: expected one volume per subject, received several volumes of ${subjects.length} subjects (${shown}). ` +
        `Volumes of one subject are alike, so the p-value would be too small: use the paired bootstrap or the ` +
        `permutation test, which keep the volumes of a subject together.`,
    );
  }
}

/** A parameter outside its range (bins, resamples, level, penalty, features that are not finite). */
export class RangeOfParameterError extends Error {
  override readonly name = "RangeOfParameterError";
  constructor(
    readonly parameter: string,
    readonly expected: string,
    readonly received: string,
  ) {
    super(`${parameter}: expected ${expected}, received ${received}`);
  }
}
