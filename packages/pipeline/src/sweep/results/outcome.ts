/**
 * The results of a sweep so far: ranked points, the best one and the optimism of its score, and the effect of each key.
 */
import { existsSync } from "node:fs";
import type { MetricName } from "@slicestack/stats";
import { readPredictions } from "../../evaluate/predictions.js";
import { historyOf } from "../ask.js";
import { pointReports, type PointReport } from "../history.js";
import { canonicalJson, type Space } from "../space.js";
import type { Sweep } from "../sweep.js";
import { readResult } from "../trial-result.js";
import type { JsonValue, Point } from "../trial.js";
import { effectsOf, type Effects, type Feature } from "./regression-forest.js";
import {
  selectionBootstrap,
  type Bounds,
  type Candidate,
  type SelectionBootstrap,
} from "./selection-bootstrap.js";

export interface RankedPoint {
  /** From 1; null if the point has no objective. */
  rank: number | null;
  point: Point;
  state: PointReport["state"];
  /** Mean over the trials of the point. */
  objective: number | null;
  /**
   * 95 % interval over subjects; null if its trials have no predictions, such as trials reported by another program.
   */
  interval: Bounds | null;
  /** Standard deviation over its trials; null for a single trial. */
  spread: number | null;
  trials: number;
  epochs: number;
  seconds: number;
}

export interface SweepOutcome {
  name: string;
  objective: MetricName;
  minimizes: boolean;
  search: string;
  seeds: readonly number[];
  folds: readonly (number | null)[];
  /** Best first; points without an objective come last. */
  ranking: RankedPoint[];
  best: RankedPoint | null;
  /** The number of points with an objective, from which the best was chosen, and of their trials. */
  pickedFrom: { points: number; trials: number };
  bootstrap: Omit<SelectionBootstrap, "intervals"> | null;
  /** null with fewer than LEAST_POINTS finished points, or if nothing varies. */
  effects: Effects | null;
  /** Keys that vary, with their values, for the figures. */
  features: (Feature & { labels: readonly string[] | null; log: boolean })[];
  notes: string[];
}

/** Least number of finished points for estimating the effect of keys. */
export const LEAST_POINTS = 10;
/** The most points in the bootstrap: only the best, as the others have no chance of being chosen. */
const MOST_CANDIDATES = 200;
/** The most scores that the bootstrap computes; large sweeps get fewer resamples. */
const MOST_SCORES = 200_000;
const RESAMPLES = 1000;

export function outcomeOf(sweep: Sweep): SweepOutcome {
  const { spec, record, minimizes } = sweep;
  const reports = pointReports(historyOf(sweep));
  const better = (a: number, b: number) => (minimizes ? a - b : b - a);
  const scored = reports
    .filter(({ objective }) => objective !== null && Number.isFinite(objective))
    .sort((a, b) => better(a.objective!, b.objective!) || a.point.number - b.point.number);
  const { candidates, note } = candidatesOf(sweep, scored.slice(0, MOST_CANDIDATES));
  const scores = candidates.reduce((sum, { trials }) => sum + trials.length, 0);
  const resamples = Math.max(100, Math.min(RESAMPLES, Math.floor(MOST_SCORES / Math.max(1, scores))));
  const boot =
    candidates.length === 0
      ? null
      : selectionBootstrap(candidates, {
          metric: spec.objective,
          minimize: minimizes,
          seed: spec.seed,
          resamples,
        });
  const others = reports.filter((report) => !scored.includes(report));
  const ranking = [
    ...scored.map((report, k) => rankedOf(sweep, report, k + 1, boot)),
    ...others.map((report) => rankedOf(sweep, report, null, null)),
  ];
  const features = featuresOf(scored, spec.space);
  const isEnough = scored.length >= LEAST_POINTS && features.length > 0;
  return {
    name: spec.name,
    objective: spec.objective,
    minimizes,
    search: spec.search,
    seeds: record.seeds,
    folds: record.folds,
    ranking,
    best: ranking[0]?.rank === 1 ? ranking[0] : null,
    pickedFrom: { points: scored.length, trials: scored.reduce((sum, { trials }) => sum + trials.length, 0) },
    bootstrap:
      boot === null ? null : { resamples: boot.resamples, corrected: boot.corrected, picked: boot.picked },
    effects: isEnough
      ? effectsOf(
          features,
          scored.map(({ objective }) => objective!),
          spec.seed,
        )
      : null,
    features,
    notes: [...note, ...notesOf(reports, scored.length, features.length)],
  };
}

function rankedOf(
  sweep: Sweep,
  report: PointReport,
  rank: number | null,
  boot: SelectionBootstrap | null,
): RankedPoint {
  const { point, state, objective, trials } = report;
  const results = trials.flatMap(({ trial }) => readResult(sweep.paths.trial(trial.id).result) ?? []);
  const values = trials.flatMap((one) =>
    one.objective === null || Number.isNaN(one.objective) ? [] : [one.objective],
  );
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    rank,
    point,
    state,
    objective,
    interval: boot?.intervals.get(point.number) ?? null,
    spread: values.length < 2 ? null : Math.sqrt(squares / (values.length - 1)),
    trials: trials.length,
    epochs: trials.reduce((sum, { epochs }) => sum + epochs, 0),
    seconds: results.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

/** Points whose trials have predictions of the same validation volumes, so that they can be resampled together. */
function candidatesOf(
  sweep: Sweep,
  scored: readonly PointReport[],
): { candidates: Candidate[]; note: string[] } {
  const withFiles = scored.filter(({ trials }) =>
    trials.every(({ trial }) => existsSync(sweep.paths.trial(trial.id).predictions)),
  );
  const read = withFiles.map(({ point, trials }) => ({
    point: point.number,
    trials: trials.map(({ trial }) => readPredictions(sweep.paths.trial(trial.id).predictions)[0]!),
  }));
  const asked = (trials: (typeof read)[number]["trials"]) =>
    JSON.stringify(trials.map(({ ids, labels }) => [ids, labels]));
  const first = read[0] === undefined ? "" : asked(read[0].trials);
  if (read.some(({ trials }) => asked(trials) !== first))
    return {
      candidates: [],
      note: [
        "The points use different classes or volumes, so their scores are not comparable: no intervals are given, and the optimism of the choice is not estimated.",
      ],
    };
  const missing = scored.length - withFiles.length;
  const note =
    missing === 0
      ? []
      : [
          `${missing} points were reported by another program without predictions. They have no interval and are left out of the estimate of optimism.`,
        ];
  return { candidates: read, note };
}

/** Keys with at least two values among the scored points. */
export function featuresOf(scored: readonly PointReport[], space: Space): SweepOutcome["features"] {
  const keys = [...new Set(scored.flatMap(({ point }) => Object.keys(point.values)))];
  return keys.flatMap((name): SweepOutcome["features"] => {
    const values = scored.map(({ point }): JsonValue | undefined => point.values[name]);
    const present = values.filter((value) => value !== undefined);
    const texts = values.map((value) => (value === undefined ? undefined : canonicalJson(value)));
    const distinct = [...new Set(texts)];
    if (distinct.length < 2) return [];
    if (present.every((value) => typeof value === "number")) {
      const numbers = present;
      const domain = space.find((one) => one.name === name)?.domain;
      const isWide = Math.min(...numbers) > 0 && Math.max(...numbers) / Math.min(...numbers) >= 50;
      const log = domain === undefined || domain.kind === "choice" ? isWide : domain.log;
      return [
        {
          name,
          kind: "number",
          values: values.map((value) => (typeof value === "number" ? value : NaN)),
          labels: null,
          log,
        },
      ];
    }
    const labels = distinct.filter((text) => text !== undefined).sort();
    const codes = texts.map((text) => (text === undefined ? NaN : labels.indexOf(text)));
    const shown = labels.map((text) => (text.startsWith('"') ? (JSON.parse(text) as string) : text));
    return [{ name, kind: "choice", values: codes, labels: shown, log: false }];
  });
}

function notesOf(reports: readonly PointReport[], scored: number, features: number): string[] {
  const count = (state: PointReport["state"]) => reports.filter((report) => report.state === state).length;
  const open = count("running");
  const [pruned, failed] = [count("pruned"), count("failed")];
  return [
    ...(open === 0 ? [] : [`${open} points are not finished, so the ranking is preliminary.`]),
    ...(pruned === 0 ? [] : [`${pruned} unpromising points were ended early.`]),
    ...(failed === 0 ? [] : [`${failed} points failed or were cancelled.`]),
    ...(features > 0 && scored < LEAST_POINTS
      ? [
          `${scored} finished points are too few to estimate the effect of individual keys (${LEAST_POINTS} are needed).`,
        ]
      : []),
  ];
}
