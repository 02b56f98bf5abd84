/** How much better a model scores on the part on which it was chosen than on another part. */
import {
  defaultBins,
  type Estimate,
  groupSubjects,
  type MetricName,
  oneVolumeEach,
  PredictionsError,
  resampleSubjects,
  Scorer,
  seededRandom,
} from "@slicestack/stats";
import { absent, applies, byMetric, settings, type SummaryOptions } from "../summary-options.js";
import { checkPredictions, type Predictions } from "../predictions.js";
import { Estimates } from "../estimates.js";

export interface Optimism {
  model: string;
  /** the metric on val, on which epoch, threshold or temperature were chosen */
  val: Record<MetricName, number>;
  test: Record<MetricName, number>;
  /** val minus test; for an error or a loss, optimism is below 0 */
  difference: Record<MetricName, Estimate>;
}

/**
 * Val score minus test score of one model. Val and test have different subjects, which are resampled separately. A single
 * split shows optimism only if it exceeds the random variation of both samples: see the interval. Cawley & Talbot, J.
 * Mach. Learn. Res. 11 (2010) 2079.
 * @throws PredictionsError if the parts are not val and test, or share a subject; the errors of checkPredictions
 */
export function optimism(val: Predictions, test: Predictions, options: SummaryOptions): Optimism {
  const { classes, ordinal, resamples, level, seed } = settings(options);
  if (val.part !== "val" || test.part !== "test")
    throw new PredictionsError(
      `optimism: expected the parts val and test, received ${val.part} and ${test.part}`,
    );
  for (const part of [val, test]) checkPredictions(part, classes);
  refuseSharedSubjects(val, test);
  const bins = options.bins ?? defaultBins(Math.min(val.labels.length, test.labels.length));
  const estimatesOf = (scored: Predictions) => {
    const scorer = new Scorer(scored, classes, bins);
    const groups = groupSubjects(scored.subjects);
    const random = seededRandom(seed);
    const resampled = resampleSubjects((weights, out) => scorer.score(weights, out), scorer.count, groups, {
      resamples,
      random,
    });
    return new Estimates(resampled, scored, oneVolumeEach(groups));
  };
  const [onVal, onTest] = [estimatesOf(val), estimatesOf(test)];
  const valueOf = (estimates: Estimates, name: MetricName) =>
    applies(name, ordinal) ? estimates.sampled(name).value : Number.NaN;
  return {
    model: val.model,
    val: byMetric((name) => valueOf(onVal, name)),
    test: byMetric((name) => valueOf(onTest, name)),
    difference: byMetric((name) =>
      applies(name, ordinal) ? onVal.minusApart(onTest, name, level).difference : absent(level),
    ),
  };
}

function refuseSharedSubjects(val: Predictions, test: Predictions): void {
  const inVal = new Set(val.subjects);
  const shared = [...new Set(test.subjects)].filter((subject) => inVal.has(subject));
  if (shared.length > 0)
    throw new PredictionsError(
      `val and test share ${shared.length} subjects (${shared.slice(0, 3).join(", ")}${shared.length > 3 ? ", …" : ""}), ` +
        `so the test score would not be independent. Split again by subject: slicestack split`,
    );
}
