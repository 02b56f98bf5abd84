/**
 * What an evaluation has learned on a validation set that is not here, applied to other volumes: a bundle carries its
 * temperature, thresholds and prediction sets, and no validation set on which they could be fitted again.
 */
import { ConformalPredictor, reportSets, TemperatureScaling } from "@slicestack/stats";
import type { Decision } from "../../models/decision.js";
import { settings, type SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";
import { scoreCalibration, type CalibrationReport } from "./calibrate.js";
import type { ConformalReport } from "./sets.js";
import { scoreThreshold, type ThresholdReport } from "./thresholds.js";

export type KeptDecision = Pick<Decision, "calibration" | "thresholds" | "sets">;

/** @returns none if the task has more than two classes */
export function keptThresholds(
  { thresholds }: KeptDecision,
  test: Predictions,
  options: SummaryOptions,
): ThresholdReport[] {
  if (options.classes.length !== 2) return [];
  return thresholds.map(({ rule, threshold }) => ({
    model: test.model,
    rule,
    threshold,
    onVal: null,
    test: scoreThreshold(threshold, test, options),
  }));
}

export function keptCalibration(
  { calibration: { priors, temperature } }: KeptDecision,
  test: Predictions,
  options: SummaryOptions,
): CalibrationReport {
  return scoreCalibration(test, { priors, scaling: TemperatureScaling.fromJSON(temperature) }, options);
}

export function keptSets(
  { sets }: KeptDecision,
  test: Predictions,
  options: SummaryOptions,
): ConformalReport[] {
  if (sets === null) return [];
  const { seed, resamples, level } = settings(options);
  const predictor = ConformalPredictor.fromJSON(sets);
  const report = reportSets(predictor.apply(test.probabilities), test, { seed, resamples, level });
  return [{ model: test.model, fitted: predictor.toJSON(), test: report }];
}
