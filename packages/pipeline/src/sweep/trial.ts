/** A point assigns a value to the dimensions of a sweep's space; a trial trains a point with one seed on one fold. */

export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * Values by the name of a dimension or a dotted snake_case key of the configuration. `false`, `0` and `null` are
 * values.
 */
export type Values = Readonly<Record<string, JsonValue>>;

/** The origin of a point: the file's list, a search, `sweep add`, or another program through `sweep ask`. */
export const POINT_SOURCES = ["listed", "grid", "random", "tpe", "added", "asked"] as const;
export type PointSource = (typeof POINT_SOURCES)[number];

export interface Point {
  /** Counted from 0 in the order in which the points were added to the sweep; it never changes. */
  number: number;
  /** Optional name of the point, e.g. "2.5D". */
  name: string | null;
  /** Dimension of the space → value, without dimensions whose condition does not hold. */
  values: Values;
  /** Key of the configuration → value: everything that the point changes in the sweep's base configuration. */
  settings: Values;
  source: PointSource;
}

/** A point with a seed and a fold, trained in one process. */
export interface Trial {
  /** Six digits or more, e.g. "000017": its folder below trials/. The same in every process that opens the sweep. */
  id: string;
  /** Counted from 0; the trials of a point have consecutive numbers. */
  number: number;
  point: Point;
  seed: number;
  /** Fold of the cross-validation, from 0; null if the data set has a single split. */
  fold: number | null;
}

export const TRIAL_STATES = ["waiting", "running", "finished", "failed", "pruned", "cancelled"] as const;
export type TrialState = (typeof TRIAL_STATES)[number];

/** One epoch of a trial's training, as used for pruning. */
export interface CurveEntry {
  /** "slice", "volume" or "fine_tune" */
  stage: string;
  /** Number of completed epochs of that stage, from 1. */
  epoch: number;
  /** The stage's selection metric on the validation set; higher is better, so a loss is negated. NaN if undefined. */
  value: number;
}

/** The current state of a trial. */
export interface TrialReport {
  trial: Trial;
  state: TrialState;
  /** The sweep's objective on the validation set; null until the trial is finished, NaN if undefined. */
  objective: number | null;
  /** Its training so far; may be empty if nothing is pruned. */
  curve: readonly CurveEntry[];
  /** Number of epochs that it has trained, over all stages. */
  epochs: number;
}

/** The seeds and folds with which every point is trained. */
export interface Repeats {
  seeds: readonly number[];
  /** [null] if the data set has a single split. */
  folds: readonly (number | null)[];
}

/** The trials of a point, seed by seed. Their numbers are derived from the number of the point, so none are stored. */
export function trialsOf(point: Point, { seeds, folds }: Repeats): Trial[] {
  const first = point.number * seeds.length * folds.length;
  return seeds.flatMap((seed, s) =>
    folds.map((fold, f): Trial => {
      const number = first + s * folds.length + f;
      return { id: trialId(number), number, point, seed, fold };
    }),
  );
}

export const trialId = (number: number): string => String(number).padStart(6, "0");
