/** Compares two models without any assumption on the distribution of their scores. */
import {
  defaultBins,
  type MetricName,
  METRICS,
  rowsBySubject,
  Scorer,
  seededRandom,
  swapTest,
} from "@slicestack/stats";
import { applies, byMetric, settings, WITHOUT_INTERVAL, type SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";
import { alignModels } from "./align.js";

export interface ModelPermutationTest {
  first: string;
  second: string;
  /** two-sided; NaN if a metric does not apply */
  p: Record<MetricName, number>;
  arrangements: number;
  /** true if all arrangements were evaluated */
  exact: boolean;
}

/**
 * Permutation test of every metric: the two models are swapped on random subjects. For metrics that depend on how
 * probabilities of different volumes compare (AUROC, calibration error), the models' probabilities must be on one scale.
 * @param options resamples is the number of permutations   @throws the errors of alignModels
 */
export function permuteModels(
  first: Predictions,
  second: Predictions,
  options: SummaryOptions,
): ModelPermutationTest {
  const { classes, ordinal, resamples, seed } = settings(options);
  const [a, b] = alignModels([first, second], classes) as [Predictions, Predictions];
  const n = a.labels.length;
  // Both models form one sample of 2n rows: a swap only changes weights, and nothing is sorted again.
  const scorer = new Scorer(
    { labels: [...a.labels, ...b.labels], probabilities: [...a.probabilities, ...b.probabilities] },
    classes,
    options.bins ?? defaultBins(n),
  );
  const bySubject = [...rowsBySubject(a.subjects).values()];
  const weights = new Float64Array(2 * n);
  const other = new Float64Array(scorer.count);
  const differences = (swapped: Uint8Array, out: Float64Array) => {
    bySubject.forEach((rows, s) => {
      for (const i of rows) {
        weights[i] = 1 - swapped[s]!;
        weights[n + i] = swapped[s]!;
      }
    });
    scorer.score(weights, out);
    for (let i = 0; i < weights.length; i++) weights[i] = 1 - weights[i]!;
    scorer.score(weights, other);
    for (let k = 0; k < out.length; k++) out[k]! -= other[k]!;
  };
  const { p, arrangements, exact } = swapTest(differences, scorer.count, bySubject.length, {
    permutations: resamples,
    random: seededRandom(seed),
  });
  const tested = (name: MetricName) => applies(name, ordinal) && !WITHOUT_INTERVAL.includes(name);
  return {
    first: first.model,
    second: second.model,
    p: byMetric((name) => (tested(name) ? p[METRICS.indexOf(name)]! : Number.NaN)),
    arrangements,
    exact,
  };
}
