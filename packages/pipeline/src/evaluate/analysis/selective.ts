/** The error rate of a model that answers only for the volumes of which it is most certain. */
import {
  argmax,
  bestAreaUnderRiskCoverage,
  type Estimate,
  estimateOf,
  groupSubjects,
  resampleSubjects,
  riskAt,
  riskCoverage,
  type RiskCoverage,
  sampledOf,
  seededRandom,
  sortConfidences,
} from "@slicestack/stats";
import { settings, type SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";

export interface SelectiveReport {
  model: string;
  curve: RiskCoverage;
  /** error rate if only the most certain fraction of the volumes is answered */
  at: { coverage: number; risk: Estimate }[];
  /** the smallest area under the curve that a model of this error rate can have */
  bestArea: number;
}

const COVERAGES: readonly number[] = [0.5, 0.7, 0.8, 0.9, 1];

export function selectiveReport(scored: Predictions, options: SummaryOptions): SelectiveReport {
  const { labels, probabilities, subjects, model } = scored;
  const { resamples, level, seed } = settings(options);
  const sorted = sortConfidences(labels, probabilities);
  const resampled = resampleSubjects(
    (weights, out) => COVERAGES.forEach((coverage, k) => (out[k] = riskAt(sorted, coverage, weights))),
    COVERAGES.length,
    groupSubjects(subjects),
    { resamples, random: seededRandom(seed) },
  );
  const wrong = labels.filter((label, i) => argmax(probabilities[i]!) !== label).length;
  return {
    model,
    curve: riskCoverage(labels, probabilities),
    at: COVERAGES.map((coverage, k) => {
      const answered = coverage * resampled.subjects;
      return { coverage, risk: estimateOf(sampledOf(resampled, k, [0, 1], answered), level) };
    }),
    bestArea: bestAreaUnderRiskCoverage(wrong, labels.length),
  };
}
