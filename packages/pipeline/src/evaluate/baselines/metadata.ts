/** What can be told from a few numbers alone: the size of a lesion, age, slice spacing. A model must beat it. */
import { RangeOfParameterError, ShapeError } from "../errors.js";
import { defaultBins } from "../calibration/reliability.js";
import { checkScored } from "../metrics/check.js";
import { classMetricIndex, metricIndex, Scorer } from "../metrics/scorer.js";
import { groupSubjects, resampledInterval, resampleSubjects, seededRandom } from "../statistics/bootstrap.js";
import type { Estimate } from "../statistics/interval.js";
import { fitLogistic, predictLogistic, type LogisticModel } from "./logistic.js";

/** Numbers known of each volume; null where one is not known. */
export interface MetadataRows {
  /** N x F, in the order of `columns` */
  values_NF: readonly (readonly (number | null)[])[];
  labels: readonly number[];
  subjects: readonly string[];
}

export interface MetadataBaseline {
  /** columns used, by name */
  columns: string[];
  /** columns left out, because they are constant, or empty, in train */
  dropped: string[];
  /** values that were missing and replaced by the mean of train, of train and of the target */
  filled: { train: number; target: number };
  /** standardised by the mean and scale of train */
  model: LogisticModel;
  /** target volumes x classes */
  probabilities: number[][];
  /** on the target: of class 1 for two classes, else the mean of the classes against the rest; bootstrap over subjects */
  auroc: Estimate;
  /** each class against the rest; NaN where it, or the rest, is absent */
  classAuroc: number[];
}

/**
 * Logistic regression on the given columns, standardised and fitted on train, scored on the target.
 * @param columns names, F of them; one column makes the size-only baseline
 * @throws ShapeError, LabelError, RangeOfParameterError (values that are neither null nor finite)
 */
export function metadataBaseline(
  columns: readonly string[],
  { train, target }: { train: Omit<MetadataRows, "subjects">; target: MetadataRows },
  options: { classes: number; seed: number; resamples?: number; level?: number; inversePenalty?: number },
): MetadataBaseline {
  const { classes, seed, resamples, level = 0.95, inversePenalty } = options;
  for (const [part, { values_NF }] of Object.entries({ train, target })) checkValues(part, columns, values_NF);
  const kept = columns.flatMap((_, f) => (variesIn(train.values_NF, f) ? [f] : []));
  const means = kept.map((f) => meanOf(train.values_NF, f));
  const [x, at] = [train, target].map(({ values_NF }) =>
    values_NF.map((row) => kept.map((f, k) => row[f] ?? means[k]!)),
  ) as [number[][], number[][]];
  const model = fitLogistic(x, train.labels, {
    classes,
    ...(inversePenalty === undefined ? {} : { inversePenalty }),
  });
  const probabilities = predictLogistic(model, at);
  checkScored({ ...target, probabilities });
  const scorer = new Scorer({ labels: target.labels, probabilities }, classes, defaultBins(target.labels.length));
  const resampled = resampleSubjects(
    (weights, out) => scorer.score(weights, out),
    scorer.count,
    groupSubjects(target.subjects, target.labels),
    { random: seededRandom(seed), ...(resamples === undefined ? {} : { resamples }) },
  );
  const k = metricIndex("auroc");
  return {
    columns: kept.map((f) => columns[f]!),
    dropped: columns.filter((_, f) => !kept.includes(f)),
    filled: { train: missingIn(train.values_NF, kept), target: missingIn(target.values_NF, kept) },
    model,
    probabilities,
    auroc: { value: resampled.estimate[k]!, interval: resampledInterval(resampled, k, level) },
    classAuroc: Array.from({ length: classes }, (_, c) => resampled.estimate[classMetricIndex(c, "auroc")]!),
  };
}

function checkValues(part: string, columns: readonly string[], values_NF: MetadataRows["values_NF"]): void {
  if (values_NF.length === 0) throw new ShapeError(`metadata, ${part}`, "at least one row", "none");
  values_NF.forEach((row, i) => {
    if (row.length !== columns.length)
      throw new ShapeError(`metadata, ${part}, row ${i}`, `${columns.length} values`, String(row.length));
    row.forEach((value, f) => {
      if (value !== null && !Number.isFinite(value))
        throw new RangeOfParameterError(
          `metadata, ${part}, row ${i}, ${columns[f]}`,
          "a number, or null",
          String(value),
        );
    });
  });
}

function known(values_NF: MetadataRows["values_NF"], f: number): number[] {
  return values_NF.map((row) => row[f]!).filter((value) => value !== null);
}

function variesIn(values_NF: MetadataRows["values_NF"], f: number): boolean {
  return new Set(known(values_NF, f)).size > 1;
}

function meanOf(values_NF: MetadataRows["values_NF"], f: number): number {
  const values = known(values_NF, f);
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function missingIn(values_NF: MetadataRows["values_NF"], kept: readonly number[]): number {
  return values_NF.reduce((sum, row) => sum + kept.filter((f) => row[f] === null).length, 0);
}
