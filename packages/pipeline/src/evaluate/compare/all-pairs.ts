/** Compares every pair of several models on the same volumes, each metric by a suitable test, adjusted for their number. */
import { holm, type MetricName, ShapeError } from "@slicestack/stats";
import { applies, settings, type SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";
import { PairedModels, type PairedTest } from "./paired-models.js";

export interface PairTest extends PairedTest {
  /** Holm's adjustment over all pairs, for this metric */
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
  /** notes for a reader: which tests could not be used, and why */
  notes: string[];
}

/**
 * Compares each pair of models, the earlier minus the later. Accuracy: exact McNemar test. AUROC of two classes: DeLong's
 * test. All other metrics, and all metrics if subjects have several volumes, which those two tests would treat as
 * independent: paired bootstrap over subjects. Holm's adjustment is over the pairs of one metric: choose the primary
 * metric before looking at the results.
 * @param metrics to compare   @throws ShapeError for fewer than two models; the errors of alignModels
 */
export function compareAllPairs(
  models: readonly Predictions[],
  metrics: readonly MetricName[],
  options: SummaryOptions,
): AllPairs {
  if (models.length < 2)
    throw new ShapeError("compareAllPairs: models", "at least two", String(models.length));
  const { ordinal } = settings(options);
  const sample = new PairedModels(models, options);
  const used = metrics.filter((name) => applies(name, ordinal));
  const pairs = pairsOf(models.length).map(([a, b]) => ({
    first: models[a]!.model,
    second: models[b]!.model,
    metrics: Object.fromEntries(
      used.map((name) => [name, { ...sample.test(a, b, name), adjusted: Number.NaN }]),
    ),
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
    "Some subjects have several volumes. DeLong's and McNemar's tests assume that volumes are independent and would " +
      "report too many differences, so every metric is tested by the paired bootstrap over subjects.",
  ];
}
