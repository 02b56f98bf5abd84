/** Everything the report says about a model: each metric with its interval, per class, calibration, curves. */
import {
  DEFAULT_RESAMPLES,
  groupSubjects,
  oneVolumeEach,
  resampledInterval,
  resampleSubjects,
  seededRandom,
  type Resampled,
  type SubjectGroups,
} from "./statistics/bootstrap.js";
import { defaultBins, reliabilityBins, sortConfidences, type ReliabilityBin } from "./calibration/reliability.js";
import { PredictionsError } from "./errors.js";
import { argmax, confusionMatrix, confusionRows, SMALL_SUPPORT } from "./metrics/confusion.js";
import { checkPredictions, type Predictions } from "./predictions.js";
import { rank, rocCurve, type RocCurve } from "./metrics/ranking.js";
import {
  classMetricIndex,
  metricIndex,
  METRICS,
  Scorer,
  type ClassMetricName,
  type MetricName,
} from "./metrics/scorer.js";
import { noInterval, type Estimate } from "./statistics/interval.js";
import { wilson } from "./statistics/proportion.js";

export interface SummaryOptions {
  /** names of the classes 0..C-1 */
  classes: readonly string[];
  /** of the bootstrap; the same seed gives the same intervals */
  seed: number;
  /** true where the classes are ordered grades: kappa, error in grades and off-by-one accuracy then mean something */
  ordinal?: boolean;
  /** default 2000 */
  resamples?: number;
  /** default 0.95 */
  level?: number;
  /** bins of the calibration error; default 10, fewer in small samples */
  bins?: number;
}

export interface ClassSummary {
  name: string;
  /** volumes whose true class this is */
  support: number;
  /** subjects with at least one such volume */
  subjects: number;
  /** support below 10: the numbers of this class say little */
  small: boolean;
  precision: Estimate;
  recall: Estimate;
  f1: Estimate;
  /** against the rest; NaN where the class, or the rest, is absent */
  auroc: Estimate;
}

export interface ModelSummary {
  model: string;
  part: "val" | "test";
  classes: string[];
  ordinal: boolean;
  volumes: number;
  subjects: number;
  /** NaN, without interval, where a metric does not apply or is undefined */
  metrics: Record<MetricName, Estimate>;
  perClass: ClassSummary[];
  /** counts, rows true, columns predicted */
  confusion: number[][];
  /** share of class 1 in a binary task, the AUPRC of a random score; null otherwise */
  baseRate: number | null;
  reliability: ReliabilityBin[];
  /** class 1 in a binary task, else each class against the rest; no points where undefined */
  roc: { name: string; auroc: number; curve: RocCurve }[];
  bootstrap: { resamples: number; level: number; seed: number };
  warnings: string[];
}

/** The first model minus the second, on the same volumes and the same resamples. */
export interface ModelDifference {
  first: string;
  second: string;
  part: "val" | "test";
  subjects: number;
  metrics: Record<MetricName, Estimate>;
}

/** The bootstrap of a binned error is biased upwards, so that its interval may miss the estimate: none is given. */
const WITHOUT_INTERVAL: MetricName = "calibrationError";

const ORDINAL_ONLY: readonly MetricName[] = ["quadraticKappa", "meanAbsoluteError", "offByOneAccuracy"];

function settings(options: SummaryOptions) {
  return {
    classes: options.classes.length,
    ordinal: options.ordinal ?? false,
    resamples: options.resamples ?? DEFAULT_RESAMPLES,
    level: options.level ?? 0.95,
    seed: options.seed,
  };
}

/**
 * Computes every metric of every model with its interval: Wilson's for proportions where each subject has one volume,
 * else the BCa bootstrap over subjects.
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
  const groups = groupSubjects(subjects, labels);
  const scorer = new Scorer(predictions, classes, bins);
  const resampled = resampleSubjects((weights, out) => scorer.score(weights, out), scorer.count, groups, {
    resamples,
    random: seededRandom(seed),
  });
  const confusion = confusionRows(confusionMatrix(labels, probabilities.map(argmax), classes));
  const estimates = new Estimates(resampled, confusion, oneVolumeEach(groups), level);
  return {
    model,
    part,
    classes: [...options.classes],
    ordinal,
    volumes: labels.length,
    subjects: new Set(subjects).size,
    metrics: byMetric((name) => (!ordinal && ORDINAL_ONLY.includes(name) ? absent(level) : estimates.metric(name))),
    perClass: options.classes.map((name, c) => summariseClass(name, c, predictions, estimates)),
    confusion,
    baseRate: classes === 2 ? labels.filter((label) => label === 1).length / labels.length : null,
    reliability: reliabilityBins(sortConfidences(labels, probabilities), bins),
    roc: rocCurves(predictions, options.classes, estimates),
    bootstrap: { resamples, level, seed },
    warnings: warningsOf(predictions, options.classes, groups),
  };
}

function byMetric(estimate: (name: MetricName) => Estimate): Record<MetricName, Estimate> {
  return Object.fromEntries(METRICS.map((name) => [name, estimate(name)])) as Record<MetricName, Estimate>;
}

function absent(level: number): Estimate {
  return { value: Number.NaN, interval: noInterval(level) };
}

/** Chooses the interval of each number: Wilson's where it is a proportion of independent volumes, else the bootstrap's. */
class Estimates {
  constructor(
    private readonly resampled: Resampled,
    private readonly confusion: readonly (readonly number[])[],
    private readonly independent: boolean,
    private readonly level: number,
  ) {}

  metric(name: MetricName): Estimate {
    if (name === WITHOUT_INTERVAL)
      return { value: this.resampled.estimate[metricIndex(name)]!, interval: noInterval(this.level) };
    return this.estimate(metricIndex(name), this.proportion(name));
  }

  ofClass(c: number, name: ClassMetricName): Estimate {
    const trials = name === "recall" ? this.rowSum(c) : name === "precision" ? this.columnSum(c) : undefined;
    return this.estimate(classMetricIndex(c, name), trials);
  }

  /** @param trials denominator where the value is a proportion */
  private estimate(index: number, trials: number | undefined): Estimate {
    const value = this.resampled.estimate[index]!;
    if (trials === undefined || !this.independent)
      return { value, interval: resampledInterval(this.resampled, index, this.level) };
    return { value, interval: wilson(trials === 0 ? 0 : Math.round(value * trials), trials, this.level) };
  }

  private proportion(name: MetricName): number | undefined {
    if (name === "accuracy" || name === "offByOneAccuracy")
      return this.confusion.reduce((sum, _, c) => sum + this.rowSum(c), 0);
    if (this.confusion.length !== 2) return undefined;
    if (name === "sensitivity") return this.rowSum(1);
    if (name === "specificity") return this.rowSum(0);
    if (name === "ppv") return this.columnSum(1);
    return name === "npv" ? this.columnSum(0) : undefined;
  }

  private rowSum(c: number): number {
    return this.confusion[c]!.reduce((a, b) => a + b, 0);
  }

  private columnSum(c: number): number {
    return this.confusion.reduce((sum, row) => sum + row[c]!, 0);
  }
}

function summariseClass(
  name: string,
  c: number,
  { labels, subjects }: Predictions,
  estimates: Estimates,
): ClassSummary {
  const support = labels.filter((label) => label === c).length;
  return {
    name,
    support,
    subjects: new Set(subjects.filter((_, i) => labels[i] === c)).size,
    small: support < SMALL_SUPPORT,
    precision: estimates.ofClass(c, "precision"),
    recall: estimates.ofClass(c, "recall"),
    f1: estimates.ofClass(c, "f1"),
    auroc: estimates.ofClass(c, "auroc"),
  };
}

function rocCurves({ labels, probabilities }: Predictions, classes: readonly string[], estimates: Estimates) {
  const shown = classes.length === 2 ? [1] : classes.map((_, c) => c);
  return shown.map((c) => ({
    name: classes[c]!,
    auroc: estimates.ofClass(c, "auroc").value,
    curve: rocCurve(
      rank(
        probabilities.map((row) => row[c]!),
        labels.map((label) => label === c),
      ),
    ),
  }));
}

function warningsOf({ part, labels }: Predictions, classes: readonly string[], groups: SubjectGroups): string[] {
  const warnings: string[] = [];
  const counts = classes.map((_, c) => labels.filter((label) => label === c).length);
  const missing = classes.filter((_, c) => counts[c] === 0);
  const small = classes.flatMap((name, c) =>
    counts[c]! > 0 && counts[c]! < SMALL_SUPPORT ? [`${name} (n = ${counts[c]})`] : [],
  );
  if (missing.length > 0)
    warnings.push(`No ${part} volume of class ${missing.join(", ")}: its recall and AUROC are undefined.`);
  if (small.length > 0)
    warnings.push(
      `Fewer than ${SMALL_SUPPORT} ${part} volumes of ${small.join(", ")}: read their numbers as anecdotes.`,
    );
  if (groups.strata.some((stratum) => stratum.length === 1))
    warnings.push(
      `A class has one ${part} subject: the bootstrap draws it every time, so intervals leave out its uncertainty.`,
    );
  return warnings;
}

/**
 * Paired bootstrap of the difference of two models: both are scored on the same resamples of subjects.
 * Efron & Tibshirani, An Introduction to the Bootstrap (1993).
 * @throws PredictionsError where the two were not scored on the same volumes, subjects and labels;
 *   the errors of checkPredictions
 */
export function compareModels(first: Predictions, second: Predictions, options: SummaryOptions): ModelDifference {
  const { classes, ordinal, resamples, level, seed } = settings(options);
  checkPredictions(first, classes);
  checkPredictions(second, classes);
  const bins = options.bins ?? defaultBins(first.labels.length);
  const a = new Scorer(first, classes, bins);
  const b = new Scorer(inOrderOf(first, second), classes, bins);
  const other = new Float64Array(b.count);
  const difference = (weights: Float64Array, out: Float64Array) => {
    a.score(weights, out);
    b.score(weights, other);
    for (let k = 0; k < out.length; k++) out[k]! -= other[k]!;
  };
  const groups = groupSubjects(first.subjects, first.labels);
  const resampled = resampleSubjects(difference, a.count, groups, { resamples, random: seededRandom(seed) });
  const estimate = (name: MetricName): Estimate => {
    if (!ordinal && ORDINAL_ONLY.includes(name)) return absent(level);
    const k = metricIndex(name);
    if (name === WITHOUT_INTERVAL) return { value: resampled.estimate[k]!, interval: noInterval(level) };
    return { value: resampled.estimate[k]!, interval: resampledInterval(resampled, k, level) };
  };
  return {
    first: first.model,
    second: second.model,
    part: first.part,
    subjects: new Set(first.subjects).size,
    metrics: byMetric(estimate),
  };
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
