/** The results of a learning curve. */
import type { MetricName, PowerLaw } from "@slicestack/stats";
import type { RepeatedComparison } from "../evaluate/compare/repeated.js";
import type { Ablation } from "./ablation-file.js";

/** The scores of the variants after training on one share. */
export interface CurvePoint {
  share: number;
  /** The number of labelled training volumes, mean over seeds and folds. */
  volumes: number;
  comparison: RepeatedComparison;
  /** Duration of training, mean over the runs, one entry per variant. */
  minutes: number[];
}

export interface CurveFit {
  variant: string;
  metric: MetricName;
  /** The fit of 1 - metric over training volumes, through the values of all seeds. */
  fit: PowerLaw;
}

export interface LearningCurve {
  ablation: Ablation;
  part: "val" | "test";
  slicesOfAll: boolean;
  /** Smallest share first. */
  points: CurvePoint[];
  /** Present for three or more shares. */
  fits: CurveFit[];
}
