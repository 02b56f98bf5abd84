/**
 * Asynchronous successive halving (Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020), in
 * the form of Optuna's SuccessiveHalvingPruner: a point that reaches a rung is compared with all that have reached it
 * so far, and continues if it is among the best 1 / reduction of them.
 *
 * The seeds and folds of a point are judged together. Its value at a rung is the mean over its trials that have reached
 * it, and the values of other points are means over the same seeds and folds, so that an easy fold is not an advantage.
 */
import { pointReports, meanOf, type PointReport } from "./history.js";
import type { Pruner } from "./sampler.js";
import type { Asha } from "./sweep-file.js";
import type { CurveEntry, TrialReport } from "./trial.js";

/** Values of a point at one rung of one stage, by seed and fold. */
type AtRung = ReadonlyMap<string, number>;

export class SuccessiveHalving implements Pruner {
  /** The rungs at which a point was judged, each with the number of its trials that had reached it. */
  private readonly judged = new Map<number, Set<string>>();

  constructor(private readonly options: Asha) {}

  prune(history: readonly TrialReport[]): number[] {
    const points = pointReports(history);
    return points
      .filter((point) => point.state === "running" && this.lags(point, points))
      .map(({ point }) => point.number);
  }

  /** Epochs of a rung, counted from 0. */
  epochsOf(rung: number): number {
    return this.options.minEpochs * this.options.reduction ** rung;
  }

  /** A point is judged once at each rung, and again there when another of its trials arrives. */
  private lags(point: PointReport, points: readonly PointReport[]): boolean {
    const stage = this.stageOf(point);
    if (stage === null) return false;
    const reached: AtRung[] = [];
    for (let at = this.at(point, stage, 0); at.size > 0; at = this.at(point, stage, reached.length))
      reached.push(at);
    const keys = reached.map((at, rung) => `${rung} ${at.size}`);
    // A restarted controller does not judge points again at rungs that they have passed.
    const judged = this.judged.get(point.point.number) ?? new Set(keys.slice(0, -1));
    this.judged.set(point.point.number, judged);
    return reached.some((valuesAtRung, rung) => {
      if (judged.has(keys[rung]!)) return false;
      judged.add(keys[rung]!);
      return !isPromoted(
        meanOf([...valuesAtRung.values()]),
        this.rivals(point, points, { stage, rung, own: valuesAtRung }),
        this.options.reduction,
      );
    });
  }

  /** Values of the other points that have reached the rung with the same seeds and folds. */
  private rivals(
    point: PointReport,
    points: readonly PointReport[],
    { stage, rung, own: valuesAtRung }: { stage: string; rung: number; own: AtRung },
  ): number[] {
    const others = points.filter((other) => other !== point && this.stageOf(other) === stage);
    return others.flatMap((other) => {
      const value = meanAt(this.at(other, stage, rung), valuesAtRung);
      return value === null ? [] : [value];
    });
  }

  private stageOf({ trials }: PointReport): string | null {
    const { stage } = this.options;
    if (stage !== "first") return stage;
    return trials.find(({ curve }) => curve.length > 0)?.curve[0]?.stage ?? null;
  }

  /** Values of the trials of the point that have trained so many epochs of the stage. */
  private at({ trials }: PointReport, stage: string, rung: number): AtRung {
    const epochs = this.epochsOf(rung);
    return new Map(
      trials.flatMap(({ trial: { seed, fold }, curve }) => {
        const value = bestWithin(curve, stage, epochs);
        return value === null ? [] : [[`${seed} ${fold}`, value] as [string, number]];
      }),
    );
  }
}

/** The value of the best epoch so far, which the stage would keep; null if the rung is not reached. */
function bestWithin(curve: readonly CurveEntry[], stage: string, epochs: number): number | null {
  const ofStage = curve.filter((entry) => entry.stage === stage);
  if (ofStage.length < epochs) return null;
  const values = ofStage
    .slice(0, epochs)
    .map(({ value }) => value)
    .filter((value) => !Number.isNaN(value));
  return values.length === 0 ? NaN : Math.max(...values);
}

/** The mean over the seeds and folds of `like`; null if one of them is missing. */
function meanAt(values: AtRung, like: AtRung): number | null {
  const same = [...like.keys()].map((key) => values.get(key));
  return same.includes(undefined) ? null : meanOf(same as number[]);
}

/**
 * Whether a value is in the best 1 / reduction at its rung; with fewer than `reduction` values, whether it is the best.
 * @param rivals the other values, of which NaN do not count   @returns false if the value is NaN
 */
export function isPromoted(value: number, rivals: readonly number[], reduction: number): boolean {
  if (Number.isNaN(value)) return false;
  const all = [value, ...rivals.filter((one) => !Number.isNaN(one))].sort((a, b) => b - a);
  const place = Math.max(0, Math.floor(all.length / reduction) - 1);
  return value >= all[place]!;
}
