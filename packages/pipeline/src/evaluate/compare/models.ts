/** Compares two models on the same volumes: every metric of the first minus that of the second. */
import type { Estimate, MetricName } from "@slicestack/stats";
import { absent, applies, byMetric, settings, type SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";
import { PairedModels, type PairedTest } from "./paired-models.js";

/** The first model minus the second, on the same volumes and the same resamples. */
export interface ModelDifference {
  first: string;
  second: string;
  part: "val" | "test";
  subjects: number;
  metrics: Record<MetricName, Estimate>;
  /** two-sided, by the test of `PairedModels`, not adjusted for several comparisons; NaN if there is no interval */
  p: Record<MetricName, number>;
}

/**
 * The difference of two models in every metric, with the interval and the test that compareAllPairs gives it.
 * @throws PredictionsError if the two were not scored on the same volumes, subjects and labels;
 *   the errors of checkPredictions
 */
export function compareModels(
  first: Predictions,
  second: Predictions,
  options: SummaryOptions,
): ModelDifference {
  const { ordinal, level } = settings(options);
  const pair = new PairedModels([first, second], options);
  const tests = byMetric((name): PairedTest | null =>
    applies(name, ordinal) ? pair.test(0, 1, name) : null,
  );
  return {
    first: first.model,
    second: second.model,
    part: first.part,
    subjects: new Set(first.subjects).size,
    metrics: byMetric((name) => tests[name]?.difference ?? absent(level)),
    p: byMetric((name) => tests[name]?.p ?? Number.NaN),
  };
}
