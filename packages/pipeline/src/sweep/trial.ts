/** A point assigns a value to the dimensions of a sweep's space; a trial trains a point with one seed on one fold. */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** By the name of a dimension or a dotted snake_case key of the configuration. `false`, `0` and `null` are values. */
export type Values = Readonly<Record<string, JsonValue>>;

/** Who made a point: the file's list, a search, `sweep add`, or another program through `sweep ask`. */
export const POINT_SOURCES = ["listed", "grid", "random", "tpe", "added", "asked"] as const;
export type PointSource = (typeof POINT_SOURCES)[number];

export interface Point {
  /** From 0, in the order in which the points came into the sweep; it never changes. */
  number: number;
  /** Of a point that has one, e.g. "2.5D". */
  name: string | null;
  /** Dimension of the space → value; dimensions whose condition does not hold are absent. */
  values: Values;
  /** Key of the configuration → value: all that the point changes in the sweep's base configuration. */
  settings: Values;
  source: PointSource;
}

/** One child process: a point, a seed, and a fold. */
export interface Trial {
  /** Six digits or more, e.g. "000017": its folder below trials/. The same in every process that opens the sweep. */
  id: string;
  /** From 0: the trials of a point follow each other. */
  number: number;
  point: Point;
  seed: number;
  /** Of the data set's cross-validation, from 0; null where the data set has one split. */
  fold: number | null;
}

export const TRIAL_STATES = ["waiting", "running", "finished", "failed", "pruned", "cancelled"] as const;
export type TrialState = (typeof TRIAL_STATES)[number];

/** One epoch of a trial's training, as pruning sees it. */
export interface CurveEntry {
  /** "slice", "volume" or "fine_tune" */
  stage: string;
  /** Epochs of that stage that are done, from 1. */
  epoch: number;
  /** The selection metric of the stage on val, higher is better: a loss is negative. NaN where it is undefined. */
  value: number;
}

/** What is known of a trial now. */
export interface TrialReport {
  trial: Trial;
  state: TrialState;
  /** The sweep's objective on val; null before the trial is finished, NaN where it is undefined. */
  objective: number | null;
  /** Its training so far; empty is allowed where nothing is pruned. */
  curve: readonly CurveEntry[];
  /** Epochs that it has trained, of all stages. */
  epochs: number;
}

/** Seeds and folds that every point is trained with. */
export interface Repeats {
  seeds: readonly number[];
  /** [null] where the data set has one split. */
  folds: readonly (number | null)[];
}

/** The trials of a point, seed by seed. Their numbers follow from the point's number, so that nothing has to be kept. */
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
