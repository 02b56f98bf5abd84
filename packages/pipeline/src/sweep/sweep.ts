/**
 * A sweep that has been started: its points and trials, the source of further points, and which points are given up.
 */
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

  /** @throws SweepError if the folder is not that of a sweep; ConfigError, PluginError */
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

  /** Whether a lower objective is better. */
  get minimizes(): boolean {
    return lowerIsBetter(this.spec.objective);
  }

  /** Folder of the prepared data set. @throws RunError if it no longer exists */
  dataset(): string {
    return findDataset(this.folder, this.record.dataset);
  }

  /** Reads points that another process has added since. */
  refresh(): readonly Point[] {
    return this.file.refresh();
  }

  /** The complete configuration of a trial. @throws ConfigError */
  configOf({ point, seed, id }: Trial): RunConfig {
    return this.base.configOf({ ...point.settings, seed, name: `${this.spec.name}-${id}`.slice(-120) });
  }

  /** Writes trials/ID/trial.json and config.yaml, which the process of a trial reads. */
  prepareTrial(trial: Trial): void {
    writeTrial(this.folder, trial, this.configOf(trial));
  }

  /** @param state as known to the runner */
  reportOf(trial: Trial, state: TrialState): TrialReport {
    return reportOf(trial, state, this.paths.trial(trial.id), () => this.configOf(trial));
  }

  /**
   * Proposes the next points of the search, and saves them before returning them.
   * @param history all trials of the sweep
   * @returns at most `count` points; none if the search is over because its space or its budget is exhausted
   */
  propose(history: readonly TrialReport[], count: number): Point[] {
    const { epochs } = this.spec.budget;
    if (epochs !== undefined && history.reduce((sum, report) => sum + report.epochs, 0) >= epochs) return [];
    return this.file.append((known) =>
      this.chosen(history, known, Math.min(count, pointsLeft(this.spec, known))),
    );
  }

  /** Adds the points that are listed in the file; completes an earlier call that was killed. */
  addListed(): void {
    this.add(this.spec.points, "listed");
  }

  /**
   * Adds points to the sweep, after the existing ones. A point that the sweep already has is not added again.
   * @returns the sweep's point for each given point   @throws ConfigError if one is not a valid configuration
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

  /** Numbers of the points to prune: all of their trials must be ended. Empty without `prune` in the file. */
  prune(history: readonly TrialReport[]): number[] {
    return this.pruner?.prune(history) ?? [];
  }

  private chosen(history: readonly TrialReport[], known: readonly Point[], count: number): NewPoint[] {
    const seen = withMissing(history, known, this.record);
    return proposedPoints({ ...this, known, history: seen, count });
  }
}

/** Points that were added since the history was recorded count as waiting. */
function withMissing(
  history: readonly TrialReport[],
  known: readonly Point[],
  repeats: Repeats,
): readonly TrialReport[] {
  const seen = new Set(history.map(({ trial }) => trial.point.number));
  const missing = known
    .filter(({ number }) => !seen.has(number))
    .flatMap((point) => trialsOf(point, repeats));
  const waiting = missing.map((trial): TrialReport => {
    return { trial, state: "waiting", objective: null, curve: [], epochs: 0 };
  });
  return waiting.length === 0 ? history : [...history, ...waiting];
}
