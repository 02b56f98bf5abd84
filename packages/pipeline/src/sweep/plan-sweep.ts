/** Plans a sweep without writing anything: its points, what each changes, and the number of trials. */
import { openDataset, type Dataset } from "../data/store.js";
import type { TaskOptions } from "../engine/task-options.js";
import { checkedSweep, dataOf, locateSweep, repeatsOf, type SweepTarget } from "./begin.js";
import { historyOf } from "./ask.js";
import type { BaseConfig } from "./base-config.js";
import { lowerIsBetter } from "./objective.js";
import { pointsLeft, proposedPoints } from "./proposals.js";
import { samplerOf } from "./search.js";
import { settingsOf } from "./space.js";
import { sweepCost, type SweepCost } from "./sweep-cost.js";
import type { SweepSpec } from "./sweep-file.js";
import { Sweep } from "./sweep.js";
import { trialsOf, type Point, type Repeats, type TrialState } from "./trial.js";

export interface PlannedPoint extends Point {
  trials: { id: string; seed: number; fold: number | null; state: TrialState; objective: number | null }[];
}

export interface SweepPlan {
  name: string;
  folder: string;
  /** Whether the sweep has been started; its trials then have states. */
  isBegun: boolean;
  search: SweepSpec["search"];
  objective: SweepSpec["objective"];
  minimizes: boolean;
  seeds: readonly number[];
  /** [null] if the data set has a single split, or if no data set was named. */
  folds: readonly (number | null)[];
  points: PlannedPoint[];
  /**
   * The number of points that the search will choose from earlier results, with values not yet known; null = no limit.
   */
  later: number | null;
  /** The number of trials of listed and later points. */
  trials: number | null;
  /** The time on this machine; null without a data set, and for a sweep that has been started. */
  cost: SweepCost | null;
  notes: string[];
}

export interface PlanSweepOptions extends SweepTarget, TaskOptions {
  /** Whether to measure the speed of this machine, which takes a few seconds. Default true. */
  time?: boolean;
}

/** @throws ConfigError with the key and line of every problem with a point */
export async function planSweep(given: string, options: PlanSweepOptions = {}): Promise<SweepPlan> {
  const { time = true, ...target } = options;
  const located = locateSweep(given, target);
  if (located.isBegun && located.file === null) return ofBegun(await Sweep.open(located.folder));
  const { spec, base } = await checkedSweep(located.file!);
  const { repeats, notes, dataset } = plannedRepeats(spec, base, target);
  const listed = spec.points.map(({ name, values }, number): Point => {
    return { number, name, values, settings: settingsOf(spec.space, values), source: "listed" };
  });
  const count = Math.min(pointsLeft(spec, listed), spec.search === "tpe" ? spec.tpe.startup : Infinity);
  const history = listed.flatMap((point) =>
    trialsOf(point, repeats).map((trial) => ({
      trial,
      state: "waiting" as const,
      objective: null,
      curve: [],
      epochs: 0,
    })),
  );
  const proposals = proposedPoints({ spec, base, sampler: samplerOf(spec), known: listed, history, count });
  const points = [
    ...listed,
    ...proposals.map((point, k): Point => ({ number: listed.length + k, ...point })),
  ];
  return {
    ...headOf(spec, located.folder, repeats),
    isBegun: false,
    ...withTrials(spec, points, repeats, () => ({ state: "waiting", objective: null })),
    cost: dataset === null || !time ? null : await costOf(points, { base, repeats, dataset, options }),
    notes: [...notes, ...notesOf(spec, points.length)],
  };
}

function ofBegun(sweep: Sweep): SweepPlan {
  const { spec, record } = sweep;
  const reports = new Map(
    historyOf(sweep).map(({ trial, state, objective }) => [trial.id, { state, objective }]),
  );
  return {
    ...headOf(spec, sweep.folder, record),
    isBegun: true,
    ...withTrials(spec, sweep.points, record, (id) => reports.get(id)!),
    cost: null,
    notes: notesOf(spec, sweep.points.length),
  };
}

const headOf = ({ name, search, objective }: SweepSpec, folder: string, { seeds, folds }: Repeats) => {
  return { name, folder, search, objective, minimizes: lowerIsBetter(objective), seeds, folds };
};

function withTrials(
  spec: SweepSpec,
  points: readonly Point[],
  repeats: Repeats,
  about: (id: string) => { state: TrialState; objective: number | null },
): Pick<SweepPlan, "points" | "later" | "trials"> {
  const left = spec.search === "grid" || spec.space.length === 0 ? 0 : Math.max(0, pointsLeft(spec, points));
  const each = repeats.seeds.length * repeats.folds.length;
  return {
    points: points.map((point) => ({
      ...point,
      trials: trialsOf(point, repeats).map(({ id, seed, fold }) => ({ id, seed, fold, ...about(id) })),
    })),
    later: Number.isFinite(left) ? left : null,
    trials: Number.isFinite(left) ? (points.length + left) * each : null,
  };
}

/** Without a data set, the seeds are known, but the folds only if the file lists them. */
function plannedRepeats(
  spec: SweepSpec,
  base: BaseConfig,
  target: SweepTarget,
): { repeats: Repeats; notes: string[]; dataset: Dataset | null } {
  if (target.data !== undefined || spec.data !== null) {
    const dataset = openDataset(dataOf(spec, target.data));
    return { repeats: repeatsOf(spec, base, dataset), notes: [], dataset };
  }
  const first = base.configOf({}).seed;
  const seeds =
    typeof spec.seeds === "number" ? Array.from({ length: spec.seeds }, (_, k) => first + k) : spec.seeds;
  const folds = spec.folds === "all" ? [null] : spec.folds;
  const notes = ["No data set was named; pass --data to count its folds and to estimate the time."];
  return { repeats: { seeds, folds }, notes, dataset: null };
}

/** The most points whose time is estimated; further ones are assumed to take as long on average. */
const MOST_COSTED = 500;

async function costOf(
  points: readonly Point[],
  {
    base,
    repeats,
    dataset,
    options,
  }: { base: BaseConfig; repeats: Repeats; dataset: Dataset; options: TaskOptions },
): Promise<SweepCost | null> {
  const step = Math.max(1, points.length / MOST_COSTED);
  const chosen = Array.from(
    { length: Math.min(points.length, MOST_COSTED) },
    (_, k) => points[Math.floor(k * step)]!,
  );
  const trials = chosen.flatMap((point) =>
    trialsOf(point, repeats).map(({ seed, fold }) => ({
      config: base.configOf({ ...point.settings, seed }),
      fold,
    })),
  );
  const cost = await sweepCost(trials, dataset, options);
  return cost === null ? null : { ...cost, seconds: (cost.seconds * points.length) / chosen.length };
}

function notesOf({ search, budget, asha, space }: SweepSpec, points: number): string[] {
  return [
    ...(points > 0 ? [] : ["No point of the space that was drawn is a valid configuration."]),
    ...(budget.epochs === undefined
      ? []
      : [`No new point is started once ${budget.epochs} epochs have been trained.`]),
    ...(asha === null
      ? []
      : [
          `Unpromising points are ended at ${asha.minEpochs}, ${asha.minEpochs * asha.reduction}, … epochs of a stage.`,
        ]),
    ...(search !== "grid" && space.length > 0 && points < (budget.points ?? 0)
      ? ["The other points are chosen while the sweep runs."]
      : []),
  ];
}
