/** Prediction sets that are fitted on val, with their coverage on test. */
import { type ConformalModel, ConformalPredictor, reportSets, type SetReport } from "@slicestack/stats";
import { settings, type SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";

export interface ConformalReport {
  model: string;
  fitted: ConformalModel;
  test: SetReport;
}

/** Target fraction of subjects whose set misses the true class. */
const MISS = 0.1;

/** For all classes together, for each class separately, and with sets that are never empty. */
const KINDS = [
  { score: "lac", byClass: false },
  { score: "lac", byClass: true },
  { score: "aps", byClass: false },
] as const;

export function conformalSets(
  val: Predictions,
  test: Predictions,
  options: SummaryOptions,
): ConformalReport[] {
  const { seed, resamples, level } = settings(options);
  return KINDS.map((kind) => {
    const predictor = ConformalPredictor.fit(val, { miss: MISS, ...kind });
    const sets_NC = predictor.apply(test.probabilities);
    return {
      model: test.model,
      fitted: predictor.toJSON(),
      test: reportSets(sets_NC, test, { seed, resamples, level }),
    };
  });
}
