/** The interfaces of samplers, which choose the points of a sweep, and pruners, which end unpromising ones. */
import type { PointSource, TrialReport, Values } from "./trial.js";

export interface Sampler {
  readonly source: PointSource;
  /**
   * Proposes the next points. The same history gives the same points, so that a restarted controller continues as
   * before.
   * @param history all trials of the sweep, including running and waiting ones, so that no point is proposed twice
   * @param count the number of points wanted
   * @param accepts whether a point is new and its configuration valid; other points are skipped
   * @returns `count` points, or fewer if the space is exhausted; none if the search is over
   */
  propose(history: readonly TrialReport[], count: number, accepts: (values: Values) => boolean): Values[];
}

export interface Pruner {
  /**
   * Selects points that are not worth continuing, judged at the rungs that their trials have reached. All trials of
   * such a point must be ended together; finished trials keep their results.
   * @param history as in propose, with the curves of running trials
   * @returns the numbers of the points, each of which has a running or waiting trial
   */
  prune(history: readonly TrialReport[]): number[];
}
