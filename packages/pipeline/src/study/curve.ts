/** What a learning curve found. */
import type { MetricName, PowerLaw } from "@slicestack/stats";
import type { RepeatedComparison } from "../evaluate/compare/repeated.js";
import type { Ablation } from "./ablation-file.js";

/** What the variants score after training on one share. */
export interface CurvePoint {
  share: number;
  /** Labelled volumes that they were trained on, mean over seeds and folds. */
  volumes: number;
  comparison: RepeatedComparison;
  /** Of training, mean over the runs, one entry a variant. */
  minutes: number[];
}

export interface CurveFit {
  variant: string;
  metric: MetricName;
  /** Of 1 - metric over training volumes, through every seed's value. */
  fit: PowerLaw;
}

export interface LearningCurve {
  ablation: Ablation;
  part: "val" | "test";
  slicesOfAll: boolean;
  /** Smallest share first. */
  points: CurvePoint[];
  /** Where there are three shares or more. */
  fits: CurveFit[];
}
