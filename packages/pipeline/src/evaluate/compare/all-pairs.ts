/** Several models on the same volumes: every pair, each metric by the test that suits it, adjusted for their number. */
import { defaultBins } from "../calibration/reliability.js";
import { ShapeError } from "../errors.js";
import { alignModels } from "./models.js";
import { argmax } from "../metrics/confusion.js";
import { metricIndex, Scorer, type MetricName } from "../metrics/scorer.js";
import { applies, settings, WITHOUT_INTERVAL, type SummaryOptions } from "../options.js";
import type { Predictions } from "../predictions.js";
import {
  groupSubjects,
  oneVolumeEach,
  resampleSubjects,
  seededRandom,
  type Resampled,
} from "../statistics/bootstrap.js";
import { delongTest } from "../statistics/delong.js";
import { holm } from "../statistics/holm.js";
import { noInterval, type Estimate } from "../statistics/interval.js";
import { mcNemar } from "../statistics/mcnemar.js";
import { differenceOf, pairedEstimate } from "../statistics/paired.js";

export type PairedTestName = "DeLong" | "exact McNemar" | "paired bootstrap";

export interface PairTest {
  /** the first model minus the second; DeLong's interval with DeLong's test, else the bootstrap's */
  difference: Estimate;
  test: PairedTestName;
  /** two-sided; NaN where the metric is undefined or has no test */
  p: number;
  /** by Holm over all pairs, for this metric */
  adjusted: number;
}

export interface PairComparison {
  first: string;
  second: string;
  metrics: Partial<Record<MetricName, PairTest>>;
}

export interface AllPairs {
  part: "val" | "test";
  subjects: number;
  volumes: number;
  pairs: PairComparison[];
  /** what a reader must know: which tests could not be used, and why */
  notes: string[];
}

/**
 * Compares each pair of models. Accuracy: exact McNemar. AUROC of two classes: DeLong. Anything else, and all metrics
 * where subjects have several volumes, which those two tests would take as independent: paired bootstrap over subjects.
 * Holm's adjustment is made over the pairs of one metric: name the metric that counts before looking.
 * @param metrics that are compared   @throws ShapeError for fewer than two models; the errors of alignModels
 */
export function compareAllPairs(
  models: readonly Predictions[],
  metrics: readonly MetricName[],
  options: SummaryOptions,
): AllPairs {
  if (models.length < 2) throw new ShapeError("compareAllPairs: models", "at least two", String(models.length));
  const { classes, ordinal, resamples, level, seed } = settings(options);
  const sample = new Sample(models, { classes, resamples, seed, bins: options.bins });
  const used = metrics.filter((name) => applies(name, ordinal));
  const pairs = pairsOf(models.length).map(([a, b]) => ({
    first: models[a]!.model,
    second: models[b]!.model,
    metrics: Object.fromEntries(used.map((name) => [name, sample.test(a, b, name, level)])),
  }));
  for (const name of used) {
    const adjusted = holm(pairs.map((pair) => pair.metrics[name]!.p));
    pairs.forEach((pair, i) => (pair.metrics[name]!.adjusted = adjusted[i]!));
  }
  const { subjects, labels, part } = models[0]!;
  return { part, subjects: new Set(subjects).size, volumes: labels.length, pairs, notes: sample.notes() };
}

function pairsOf(count: number): [number, number][] {
  return Array.from({ length: count }, (_, a) => a).flatMap((a) =>
    Array.from({ length: count - a - 1 }, (_, k): [number, number] => [a, a + 1 + k]),
  );
}

/** All models scored on the same resamples, once, for however many pairs. */
class Sample {
  private readonly models: Predictions[];
  private readonly resampled: Resampled;
  private readonly independent: boolean;
  private readonly stride: number;

  constructor(
    models: readonly Predictions[],
    options: { classes: number; resamples: number; seed: number; bins: number | undefined },
  ) {
    const { classes, resamples, seed, bins } = options;
    this.models = alignModels(models, classes);
    const { subjects, labels } = this.models[0]!;
    const scorers = this.models.map((model) => new Scorer(model, classes, bins ?? defaultBins(labels.length)));
    this.stride = scorers[0]!.count;
    const groups = groupSubjects(subjects, labels);
    this.independent = oneVolumeEach(groups);
    this.resampled = resampleSubjects(
      (weights, out) =>
        scorers.forEach((scorer, m) => scorer.score(weights, out.subarray(m * this.stride, (m + 1) * this.stride))),
      scorers.length * this.stride,
      groups,
      { resamples, random: seededRandom(seed) },
    );
  }

  test(a: number, b: number, name: MetricName, level: number): PairTest {
    const [k, m] = [a, b].map((model) => model * this.stride + metricIndex(name)) as [number, number];
    const bootstrap = pairedEstimate(differenceOf(this.resampled, k, m), level);
    const found: PairTest = { ...bootstrap, test: "paired bootstrap", adjusted: Number.NaN };
    if (WITHOUT_INTERVAL.includes(name))
      return { ...found, difference: { value: found.difference.value, interval: noInterval(level) }, p: Number.NaN };
    if (!this.independent) return found;
    if (name === "accuracy") return { ...found, test: "exact McNemar", p: this.mcNemar(a, b) };
    if (name === "auroc" && this.models[0]!.probabilities[0]!.length === 2)
      return { ...found, ...this.delong(a, b, level) };
    return found;
  }

  private mcNemar(a: number, b: number): number {
    const right = (m: number) =>
      this.models[m]!.labels.map((label, i) => argmax(this.models[m]!.probabilities[i]!) === label);
    return mcNemar(right(a), right(b), this.models[a]!.subjects).p;
  }

  private delong(a: number, b: number, level: number): Omit<PairTest, "adjusted"> {
    const scores = (m: number) => this.models[m]!.probabilities.map((row) => row[1]!);
    const { labels, subjects } = this.models[a]!;
    const positive = labels.map((label) => label === 1);
    const { difference, p } = delongTest({ scores: scores(a), positive, subjects }, scores(b), level);
    return { difference, test: "DeLong", p };
  }

  notes(): string[] {
    if (this.independent) return [];
    return [
      "Some subjects have several volumes. DeLong's and McNemar's tests take volumes as independent and would find too " +
        "much, so that every metric is tested by the paired bootstrap over subjects.",
    ];
  }
}
