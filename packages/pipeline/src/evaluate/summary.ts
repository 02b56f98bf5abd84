/** The summary of a model in a report: each metric with its interval, per class, calibration, curves. */
import {
  argmax,
  confusionMatrix,
  confusionRows,
  defaultBins,
  type Estimate,
  groupSubjects,
  type MetricName,
  oneVolumeEach,
  rank,
  reliabilityCurve,
  type ReliabilityPoint,
  resampleSubjects,
  rocCurve,
  type RocCurve,
  Scorer,
  seededRandom,
  SMALL_SUPPORT,
} from "@slicestack/stats";
import { listed } from "../data/listed.js";
import { Estimates } from "./estimates.js";
import { absent, applies, byMetric, settings, type SummaryOptions } from "./summary-options.js";
import { checkPredictions, type Predictions } from "./predictions.js";

export interface ClassSummary {
  name: string;
  /** volumes whose true class this is */
  support: number;
  /** subjects with at least one such volume */
  subjects: number;
  /** fewer than 10 subjects, however many volumes they have: the numbers of this class are unreliable */
  small: boolean;
  precision: Estimate;
  recall: Estimate;
  f1: Estimate;
  /** against the rest; NaN if the class, or the rest, is absent */
  auroc: Estimate;
  /** fraction of the volumes of other classes that was not predicted to be of this class */
  specificity: Estimate;
  /** fraction of the volumes not predicted to be of this class that is of another class */
  npv: Estimate;
}

export interface ModelSummary {
  model: string;
  part: "val" | "test";
  classes: string[];
  ordinal: boolean;
  volumes: number;
  subjects: number;
  /** NaN without interval if a metric does not apply or is undefined */
  metrics: Record<MetricName, Estimate>;
  perClass: ClassSummary[];
  /** counts, rows true, columns predicted */
  confusion: number[][];
  /** share of class 1 in a binary task, the AUPRC of a random score; null otherwise */
  baseRate: number | null;
  reliability: ReliabilityPoint[];
  /** class 1 in a binary task, otherwise each class against the rest; no points if undefined */
  roc: { name: string; auroc: number; curve: RocCurve }[];
  bootstrap: { resamples: number; level: number; seed: number };
  warnings: string[];
}

/**
 * Computes every metric of every model with its interval: Wilson's for proportions, with the design effect if subjects
 * have several volumes; for all else by the standard error of the bootstrap over subjects.
 * @throws the errors of checkPredictions
 */
export function summarise(all: readonly Predictions[], options: SummaryOptions): ModelSummary[] {
  return all.map((predictions) => summariseModel(predictions, options));
}

function summariseModel(predictions: Predictions, options: SummaryOptions): ModelSummary {
  const { classes, ordinal, resamples, level, seed } = settings(options);
  checkPredictions(predictions, classes);
  const { model, part, subjects, labels, probabilities } = predictions;
  const bins = options.bins ?? defaultBins(labels.length);
  const groups = groupSubjects(subjects);
  const scorer = new Scorer(predictions, classes, bins);
  const resampled = resampleSubjects((weights, out) => scorer.score(weights, out), scorer.count, groups, {
    resamples,
    random: seededRandom(seed),
  });
  const confusion = confusionRows(confusionMatrix(labels, probabilities.map(argmax), classes));
  const estimates = new Estimates(resampled, predictions, oneVolumeEach(groups));
  const perClass = options.classes.map((name, c) => summariseClass(name, c, predictions, estimates, level));
  return {
    model,
    part,
    classes: [...options.classes],
    ordinal,
    volumes: labels.length,
    subjects: new Set(subjects).size,
    metrics: byMetric((name) => (applies(name, ordinal) ? estimates.metric(name, level) : absent(level))),
    perClass,
    confusion,
    baseRate: classes === 2 ? labels.filter((label) => label === 1).length / labels.length : null,
    reliability: reliabilityCurve(predictions, { bins, level }),
    roc: rocCurves(predictions, options.classes, perClass),
    bootstrap: { resamples, level, seed },
    warnings: warningsOf(predictions, options.classes),
  };
}

function summariseClass(
  name: string,
  c: number,
  { labels, subjects }: Predictions,
  estimates: Estimates,
  level: number,
): ClassSummary {
  const ofClass = new Set(subjects.filter((_, i) => labels[i] === c)).size;
  return {
    name,
    support: labels.filter((label) => label === c).length,
    subjects: ofClass,
    small: ofClass < SMALL_SUPPORT,
    precision: estimates.ofClass(c, "precision", level),
    recall: estimates.ofClass(c, "recall", level),
    f1: estimates.ofClass(c, "f1", level),
    auroc: estimates.ofClass(c, "auroc", level),
    specificity: estimates.ofClass(c, "specificity", level),
    npv: estimates.ofClass(c, "npv", level),
  };
}

function rocCurves(
  { labels, probabilities }: Predictions,
  classes: readonly string[],
  perClass: readonly ClassSummary[],
) {
  const shown = classes.length === 2 ? [1] : classes.map((_, c) => c);
  return shown.map((c) => ({
    name: classes[c]!,
    auroc: perClass[c]!.auroc.value,
    curve: rocCurve(
      rank(
        probabilities.map((row) => row[c]!),
        labels.map((label) => label === c),
      ),
    ),
  }));
}

/** Warnings to read before the numbers of a part: classes with few or no volumes. */
export function warningsOf({ part, labels, subjects }: Predictions, classes: readonly string[]): string[] {
  const warnings: string[] = [];
  const counts = classes.map((_, c) => new Set(subjects.filter((_, i) => labels[i] === c)).size);
  const missing = classes.filter((_, c) => counts[c] === 0);
  const small = classes.flatMap((name, c) =>
    counts[c]! > 0 && counts[c]! < SMALL_SUPPORT ? [`${name} (n = ${counts[c]})`] : [],
  );
  if (missing.length > 0)
    warnings.push(
      `No ${part} volume of ${missing.length === 1 ? `class ${missing[0]}: its` : `classes ${listed(missing)}: their`} recall and AUROC are undefined.` +
        (classes.length > 2 ? ` Means over classes use the other ${classes.length - missing.length}.` : ""),
    );
  if (small.length > 0)
    warnings.push(
      `Fewer than ${SMALL_SUPPORT} ${part} subjects of ${small.join(", ")}: their numbers are unreliable.`,
    );
  const alone = classes.filter((_, c) => counts[c] === 1);
  if (alone.length > 0)
    warnings.push(
      `${alone.length === 1 ? `Class ${alone[0]} has one ${part} subject` : `Classes ${listed(alone)} have one ${part} subject each`}: ` +
        `metrics that weight classes equally depend on ${alone.length === 1 ? "it" : "them"}, and their intervals do not ` +
        `cover how other subjects would score.`,
    );
  return warnings;
}
