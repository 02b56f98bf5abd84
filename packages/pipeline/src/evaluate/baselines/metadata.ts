/** A baseline on a few numbers only, such as lesion size, age or slice spacing. A model must beat it. */
import {
  checkScored,
  classMetricIndex,
  defaultBins,
  type Estimate,
  fitLogistic,
  groupSubjects,
  type LogisticModel,
  oneVolumeEach,
  predictLogistic,
  RangeOfParameterError,
  resampleSubjects,
  Scorer,
  seededRandom,
  ShapeError,
} from "@slicestack/stats";
import { Estimates } from "../estimates.js";
import { fillGaps, type FilledTable, type GappyRows } from "./gaps.js";

/** Numbers of each volume; null if one is not known. */
export interface MetadataRows {
  /** N x F, in the order of `columns` */
  values_NF: GappyRows;
  labels: readonly number[];
  subjects: readonly string[];
}

export interface MetadataBaseline extends Pick<FilledTable, "filled" | "leftOut"> {
  /** names of the columns used, and "NAME is missing" for each column with gaps in train */
  columns: string[];
  /** standardised by the mean and scale of train */
  model: LogisticModel;
  /** target volumes x classes */
  probabilities: number[][];
  /** on the target: of class 1 for two classes, otherwise the mean of each class against the rest; bootstrap over subjects */
  auroc: Estimate;
  /** each class against the rest; NaN if it, or the rest, is absent */
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
  for (const [part, { values_NF }] of Object.entries({ train, target }))
    checkValues(part, columns, values_NF);
  const table = fillGaps(columns, train.values_NF, target.values_NF);
  const model = fitLogistic(table.train, train.labels, {
    classes,
    ...(inversePenalty === undefined ? {} : { inversePenalty }),
  });
  const probabilities = predictLogistic(model, table.target);
  const scored = { ...target, probabilities };
  checkScored(scored);
  const scorer = new Scorer(
    { labels: target.labels, probabilities },
    classes,
    defaultBins(target.labels.length),
  );
  const groups = groupSubjects(target.subjects);
  const resampled = resampleSubjects((weights, out) => scorer.score(weights, out), scorer.count, groups, {
    random: seededRandom(seed),
    ...(resamples === undefined ? {} : { resamples }),
  });
  return {
    columns: table.names,
    filled: table.filled,
    leftOut: table.leftOut,
    model,
    probabilities,
    auroc: new Estimates(resampled, scored, oneVolumeEach(groups)).metric("auroc", level),
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
