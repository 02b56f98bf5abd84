/** Two models on the same volumes: every metric of the first minus that of the second. */
import { defaultBins } from "../calibration/reliability.js";
import { PredictionsError } from "../errors.js";
import { metricIndex, Scorer, type MetricName } from "../metrics/scorer.js";
import { absent, applies, byMetric, settings, WITHOUT_INTERVAL, type SummaryOptions } from "../options.js";
import { checkPredictions, type Predictions } from "../predictions.js";
import { groupSubjects, seededRandom } from "../statistics/bootstrap.js";
import { noInterval, type Estimate } from "../statistics/interval.js";
import { pairedBootstrap } from "../statistics/paired.js";

/** The first model minus the second, on the same volumes and the same resamples. */
export interface ModelDifference {
  first: string;
  second: string;
  part: "val" | "test";
  subjects: number;
  metrics: Record<MetricName, Estimate>;
  /** two-sided, of the paired bootstrap, not adjusted for many comparisons; NaN where there is no interval */
  p: Record<MetricName, number>;
}

/**
 * Paired bootstrap of the difference of two models: both are scored on the same resamples of subjects.
 * Efron & Tibshirani, An Introduction to the Bootstrap (1993).
 * @throws PredictionsError where the two were not scored on the same volumes, subjects and labels;
 *   the errors of checkPredictions
 */
export function compareModels(first: Predictions, second: Predictions, options: SummaryOptions): ModelDifference {
  const { classes, ordinal, resamples, level, seed } = settings(options);
  const aligned = alignModels([first, second], classes);
  const bins = options.bins ?? defaultBins(first.labels.length);
  const [a, b] = aligned.map((model) => new Scorer(model, classes, bins)) as [Scorer, Scorer];
  const paired = pairedBootstrap(
    (weights, out) => a.score(weights, out),
    (weights, out) => b.score(weights, out),
    a.count,
    groupSubjects(first.subjects, first.labels),
    { resamples, level, random: seededRandom(seed) },
  );
  const shown = (name: MetricName) => applies(name, ordinal) && !WITHOUT_INTERVAL.includes(name);
  return {
    first: first.model,
    second: second.model,
    part: first.part,
    subjects: new Set(first.subjects).size,
    metrics: byMetric((name) => {
      const { difference } = paired[metricIndex(name)]!;
      if (!applies(name, ordinal)) return absent(level);
      return shown(name) ? difference : { value: difference.value, interval: noInterval(level) };
    }),
    p: byMetric((name) => (shown(name) ? paired[metricIndex(name)]!.p : Number.NaN)),
  };
}

/**
 * The models with their volumes in the order of the first, so that row i is the same volume in all.
 * @throws PredictionsError where they were not scored on the same volumes, subjects and labels; the errors of
 *   checkPredictions
 */
export function alignModels(models: readonly Predictions[], classes: number): Predictions[] {
  for (const model of models) checkPredictions(model, classes);
  return models.map((model, k) => (k === 0 ? model : inOrderOf(models[0]!, model)));
}

function inOrderOf(first: Predictions, second: Predictions): Predictions {
  const pair = `${first.model} and ${second.model} cannot be compared`;
  if (first.part !== second.part) throw new PredictionsError(`${pair}: one is of ${first.part}, one of ${second.part}`);
  if (first.ids.length !== second.ids.length)
    throw new PredictionsError(`${pair}: one has ${first.ids.length} volumes, one ${second.ids.length}`);
  const row = new Map(second.ids.map((id, i) => [id, i]));
  const order = first.ids.map((id, i) => {
    const j = row.get(id);
    if (j === undefined) throw new PredictionsError(`${pair}: volume ${id} was not predicted by ${second.model}`);
    if (first.labels[i] !== second.labels[j] || first.subjects[i] !== second.subjects[j])
      throw new PredictionsError(`${pair}: volume ${id} has another label or subject in ${second.model}`);
    return j;
  });
  return {
    ...second,
    ids: [...first.ids],
    subjects: [...first.subjects],
    labels: [...first.labels],
    probabilities: order.map((j) => second.probabilities[j]!),
  };
}
