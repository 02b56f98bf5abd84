/** What chooses the points of a sweep, and what ends those that lag behind. */
import type { PointSource, TrialReport, Values } from "./trial.js";

export interface Sampler {
  readonly source: PointSource;
  /**
   * The next points. The same history gives the same points, so that a controller that was killed goes on as it would have.
   * @param history all trials of the sweep; those that are running or waiting count, so that no point is proposed twice
   * @param count how many are wanted
   * @param accepts whether a point is new and its configuration valid; others are passed over
   * @returns so many, or fewer where the space is used up; none = the search is over
   */
  propose(history: readonly TrialReport[], count: number, accepts: (values: Values) => boolean): Values[];
}

export interface Pruner {
  /**
   * Points that are not worth going on with, judged at the rungs that their trials have reached. All trials of such a point
   * are to be ended together; those that are finished keep their result.
   * @param history as in propose, with the curves of trials that are running
   * @returns numbers of points that have a trial running or waiting
   */
  prune(history: readonly TrialReport[]): number[];
}
