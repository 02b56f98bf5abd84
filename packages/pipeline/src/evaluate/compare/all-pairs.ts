/** Several models on the same volumes: every pair, each metric by the test that suits it, adjusted for their number. */
import { holm, type MetricName, ShapeError } from "@slicestack/stats";
import { applies, settings, type SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";
import { PairedModels, type PairedTest } from "./paired-models.js";

export interface PairTest extends PairedTest {
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
 * Compares each pair of models, the earlier minus the later. Accuracy: exact McNemar. AUROC of two classes: DeLong. Anything else, and all metrics
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
  const { ordinal } = settings(options);
  const sample = new PairedModels(models, options);
  const used = metrics.filter((name) => applies(name, ordinal));
  const pairs = pairsOf(models.length).map(([a, b]) => ({
    first: models[a]!.model,
    second: models[b]!.model,
    metrics: Object.fromEntries(used.map((name) => [name, { ...sample.test(a, b, name), adjusted: Number.NaN }])),
  }));
  for (const name of used) {
    const adjusted = holm(pairs.map((pair) => pair.metrics[name]!.p));
    pairs.forEach((pair, i) => (pair.metrics[name]!.adjusted = adjusted[i]!));
  }
  const { subjects, labels, part } = models[0]!;
  return { part, subjects: new Set(subjects).size, volumes: labels.length, pairs, notes: notesOf(sample) };
}

function pairsOf(count: number): [number, number][] {
  return Array.from({ length: count }, (_, a) => a).flatMap((a) =>
    Array.from({ length: count - a - 1 }, (_, k): [number, number] => [a, a + 1 + k]),
  );
}

function notesOf({ independent }: PairedModels): string[] {
  if (independent) return [];
  return [
    "Some subjects have several volumes. DeLong's and McNemar's tests take volumes as independent and would find too " +
      "much, so that every metric is tested by the paired bootstrap over subjects.",
  ];
}
