/** The decision threshold of a binary task: chosen on val, frozen, then scored on test. */
import {
  DecisionThreshold,
  type Estimate,
  type FrozenThreshold,
  type MetricName,
  type ThresholdRule,
} from "@slicestack/stats";
import type { SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";
import { summarise } from "../summary.js";

export interface ThresholdReport extends Omit<FrozenThreshold, "onVal"> {
  model: string;
  /** null where the threshold was chosen by an earlier evaluation, as that of a bundle was. */
  onVal: FrozenThreshold["onVal"] | null;
  /** of the decisions on test */
  test: Partial<Record<MetricName, Estimate>>;
}

const RULES: readonly ThresholdRule[] = [
  { kind: "youden" },
  { kind: "sensitivity", atLeast: 0.9 },
  { kind: "specificity", atLeast: 0.9 },
];

export const DECISION_METRICS: readonly MetricName[] = [
  "sensitivity",
  "specificity",
  "ppv",
  "npv",
  "accuracy",
  "balancedAccuracy",
];

/** @returns none if the task has more than two classes, or val has only one class */
export function freezeThresholds(
  val: Predictions,
  test: Predictions,
  options: SummaryOptions,
): ThresholdReport[] {
  if (options.classes.length !== 2 || new Set(val.labels).size < 2) return [];
  return RULES.map((rule) => {
    const frozen = DecisionThreshold.fit(val, rule).toJSON();
    return { model: val.model, ...frozen, test: scoreThreshold(frozen.threshold, test, options) };
  });
}

/** The scores of the decisions at a threshold that is fixed. */
export function scoreThreshold(
  threshold: number,
  test: Predictions,
  options: SummaryOptions,
): ThresholdReport["test"] {
  const decided = test.probabilities.map((row) => (row[1]! >= threshold ? [0, 1] : [1, 0]));
  const [summary] = summarise([{ ...test, probabilities: decided }], options);
  return Object.fromEntries(DECISION_METRICS.map((name) => [name, summary!.metrics[name]]));
}
