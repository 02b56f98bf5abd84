/** ROC and precision-recall curves of the main model, with bands. */
import {
  type Band,
  precisionRecallBand,
  precisionRecallCurve,
  type PrecisionRecallCurve,
  rank,
  rocBand,
  rocCurve,
  type RocCurve,
} from "@slicestack/stats";
import { settings, type SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";

/** A class against the rest. */
export interface ClassCurves {
  model: string;
  class: string;
  roc: RocCurve;
  rocBand: Band;
  precisionRecall: PrecisionRecallCurve;
  precisionRecallBand: Band;
}

/** Curves of class 1 in a binary task, otherwise of each class; none for a class that is absent or is the only one. */
export function classCurves(scored: Predictions, options: SummaryOptions): ClassCurves[] {
  const { resamples, level, seed, classes } = settings(options);
  const shown = classes === 2 ? [1] : Array.from({ length: classes }, (_, c) => c);
  return shown.flatMap((c) => {
    const positive = scored.labels.map((label) => label === c);
    if (new Set(positive).size < 2) return [];
    const ranking = rank(
      scored.probabilities.map((row) => row[c]!),
      positive,
    );
    const band = { of: c, seed, resamples, level };
    return {
      model: scored.model,
      class: options.classes[c]!,
      roc: rocCurve(ranking),
      rocBand: rocBand(scored, band),
      precisionRecall: precisionRecallCurve(ranking),
      precisionRecallBand: precisionRecallBand(scored, band),
    };
  });
}
