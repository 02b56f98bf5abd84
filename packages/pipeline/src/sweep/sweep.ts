/** A sweep that has begun: its points and trials, where the next points come from, and which are given up. */
import type { RunConfig } from "../config/types.js";
import { findDataset } from "../run/dataset-location.js";
import { SuccessiveHalving } from "./asha.js";
import { BaseConfig, settingsKey } from "./base-config.js";
import { reportOf } from "./history.js";
import { lowerIsBetter } from "./objective.js";
import { PointsFile } from "./points-file.js";
import { pointsLeft, proposedPoints, type NewPoint } from "./proposals.js";
import type { Pruner, Sampler } from "./sampler.js";
import { samplerOf } from "./search.js";
import { settingsOf } from "./space.js";
import type { ListedPoint } from "./space-file.js";
import { sweepPaths, type SweepPaths } from "./sweep-folder.js";
import { loadSweepFile, type SweepSpec } from "./sweep-file.js";
import { readSweepRecord, type SweepRecord } from "./sweep-record.js";
import { writeTrial } from "./trial-record.js";
import {
  trialsOf,
  type Point,
  type PointSource,
  type Repeats,
  type Trial,
  type TrialReport,
  type TrialState,
} from "./trial.js";

export class Sweep {
  readonly paths: SweepPaths;
  private readonly file: PointsFile;
  readonly sampler: Sampler;
  private readonly pruner: Pruner | null;
  private constructor(
    readonly folder: string,
    readonly spec: SweepSpec,
    readonly base: BaseConfig,
    readonly record: SweepRecord,
  ) {
    this.paths = sweepPaths(folder);
    this.file = new PointsFile(this.paths.points);
    this.sampler = samplerOf(spec);
    this.pruner = spec.asha === null ? null : new SuccessiveHalving(spec.asha);
    this.file.refresh();
  }

  /** @throws SweepError where the folder is not a sweep's; ConfigError, PluginError */
  static async open(folder: string): Promise<Sweep> {
    const paths = sweepPaths(folder);
    const record = readSweepRecord(folder);
    const spec = loadSweepFile(paths.file);
    return new Sweep(paths.root, spec, await BaseConfig.load(spec, paths.base), record);
  }

  get points(): readonly Point[] {
    return this.file.points;
  }

  get trials(): Trial[] {
    return this.points.flatMap((point) => trialsOf(point, this.record));
  }

  /** Whether a low objective is better. */
  get minimizes(): boolean {
    return lowerIsBetter(this.spec.objective);
  }

  /** Folder of the prepared data set. @throws RunError where it is no longer there */
  dataset(): string {
    return findDataset(this.folder, this.record.dataset);
  }

  /** Points that another process has added since. */
  refresh(): readonly Point[] {
    return this.file.refresh();
  }

  /** The complete configuration of a trial. @throws ConfigError */
  configOf({ point, seed, id }: Trial): RunConfig {
    return this.base.configOf({ ...point.settings, seed, name: `${this.spec.name}-${id}`.slice(-120) });
  }

  /** Writes trials/ID/trial.json and config.yaml, which a trial's process reads. */
  prepareTrial(trial: Trial): void {
    writeTrial(this.folder, trial, this.configOf(trial));
  }

  /** @param state as the runner knows it */
  reportOf(trial: Trial, state: TrialState): TrialReport {
    return reportOf(trial, state, this.paths.trial(trial.id), () => this.configOf(trial));
  }

  /**
   * The next points of the search, kept before they are returned.
   * @param history all trials of the sweep
   * @returns at most `count`; none where the search is over: its space or its budget is used up
   */
  propose(history: readonly TrialReport[], count: number): Point[] {
    const { epochs } = this.spec.budget;
    if (epochs !== undefined && history.reduce((sum, report) => sum + report.epochs, 0) >= epochs) return [];
    return this.file.append((known) => this.chosen(history, known, Math.min(count, pointsLeft(this.spec, known))));
  }

  /** The points that the file lists come first; a call that was killed before is made up for. */
  addListed(): void {
    this.add(this.spec.points, "listed");
  }

  /**
   * Adds points to the sweep, after those that it has. A point that is in it already is not added again.
   * @returns for each given point the one of the sweep   @throws ConfigError where one is not a valid configuration
   */
  add(given: readonly ListedPoint[], source: PointSource = "added"): { point: Point; isNew: boolean }[] {
    const candidates = given.map(({ name, values }) => ({
      name,
      values,
      settings: settingsOf(this.spec.space, values),
      source,
    }));
    for (const { settings } of candidates) this.base.check(settings);
    const added = this.file.append((known) => {
      const keys = new Set(known.map(({ settings }) => settingsKey(settings)));
      return candidates.filter(({ settings }) => {
        const key = settingsKey(settings);
        if (keys.has(key)) return false;
        keys.add(key);
        return true;
      });
    });
    const byKey = new Map(this.points.map((point) => [settingsKey(point.settings), point]));
    return candidates.map(({ settings }) => {
      const point = byKey.get(settingsKey(settings))!;
      return { point, isNew: added.includes(point) };
    });
  }

  /** Numbers of the points that lag behind: all of their trials are to be ended. None without `prune` in the file. */
  prune(history: readonly TrialReport[]): number[] {
    return this.pruner?.prune(history) ?? [];
  }

  private chosen(history: readonly TrialReport[], known: readonly Point[], count: number): NewPoint[] {
    const seen = withMissing(history, known, this.record);
    return proposedPoints({ ...this, known, history: seen, count });
  }
}

/** Points that were added since the history was written are waiting. */
function withMissing(
  history: readonly TrialReport[],
  known: readonly Point[],
  repeats: Repeats,
): readonly TrialReport[] {
  const seen = new Set(history.map(({ trial }) => trial.point.number));
  const missing = known.filter(({ number }) => !seen.has(number)).flatMap((point) => trialsOf(point, repeats));
  const waiting = missing.map((trial): TrialReport => {
    return { trial, state: "waiting", objective: null, curve: [], epochs: 0 };
  });
  return waiting.length === 0 ? history : [...history, ...waiting];
}
