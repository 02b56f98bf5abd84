/**
 * Every metric of one model on one part as a function of volume weights. What does not depend on the weights is
 * computed once.
 */
import { squaredError, surprise } from "../calibration/proper-scores.js";
import {
  classwiseCalibrationError,
  expectedCalibrationError,
  sortByClass,
  sortConfidences,
  type Forecasts,
} from "../calibration/reliability.js";
import { areaUnderRiskCoverage } from "../decisions/selective.js";
import * as metrics from "./confusion.js";
import { checkScores, type Scored } from "./check.js";
import type { Range } from "../intervals/sampled.js";
import { auroc, aurocAgainstEach, averagePrecision, PairSums, rank, type Ranking } from "./ranking.js";

/** The metrics of a model, in the order the scorer writes them. */
export const METRICS = [
  "accuracy",
  "balancedAccuracy",
  "macroF1",
  "matthews",
  "cohenKappa",
  "quadraticKappa",
  "meanAbsoluteError",
  "offByOneAccuracy",
  "auroc",
  "pairwiseAuroc",
  "auprc",
  "sensitivity",
  "specificity",
  "ppv",
  "npv",
  "negativeLogLikelihood",
  "brierScore",
  "calibrationError",
  "classwiseCalibrationError",
  "areaUnderRiskCoverage",
] as const;
export type MetricName = (typeof METRICS)[number];

/** The metrics of one class against the rest, written after METRICS for class 0, then class 1, … */
export const CLASS_METRICS = ["precision", "recall", "f1", "auroc", "specificity", "npv"] as const;
export type ClassMetricName = (typeof CLASS_METRICS)[number];

const CORRELATIONS: readonly MetricName[] = ["matthews", "cohenKappa", "quadraticKappa"];
const LOSSES: readonly MetricName[] = [
  "meanAbsoluteError",
  "negativeLogLikelihood",
  "brierScore",
  "areaUnderRiskCoverage",
];

/** The values that a metric can take. */
export function metricRange(name: MetricName): Range {
  if (LOSSES.includes(name)) return "positive";
  return CORRELATIONS.includes(name) ? [-1, 1] : [0, 1];
}

export function metricIndex(name: MetricName): number {
  return METRICS.indexOf(name);
}

export function classMetricIndex(c: number, name: ClassMetricName): number {
  return METRICS.length + c * CLASS_METRICS.length + CLASS_METRICS.indexOf(name);
}

export class Scorer {
  /** number of values that `score` writes */
  readonly count: number;
  private readonly cell: Int32Array;
  private readonly confusion: metrics.Confusion;
  private readonly surprise: Float64Array;
  private readonly squaredError: Float64Array;
  private readonly confidences: Forecasts;
  private readonly byClass: Forecasts[];
  private readonly rankings: Ranking[];
  private readonly labels: Int32Array;
  private readonly pairs: Float64Array[];
  private readonly pairSums: PairSums;

  /** @param bins number of bins of the calibration errors; the scores must have passed checkScores */
  constructor(
    { labels, probabilities }: Pick<Scored, "labels" | "probabilities">,
    private readonly classes: number,
    private readonly bins: number,
  ) {
    this.count = METRICS.length + classes * CLASS_METRICS.length;
    this.cell = Int32Array.from(labels, (label, i) => label * classes + metrics.argmax(probabilities[i]!));
    this.labels = Int32Array.from(labels);
    this.pairSums = new PairSums(classes);
    this.pairs = Array.from({ length: classes }, () => new Float64Array(classes));
    this.confusion = { classes, counts: new Float64Array(classes * classes) };
    this.surprise = Float64Array.from(labels, (label, i) => surprise(probabilities[i]!, label));
    this.squaredError = Float64Array.from(labels, (label, i) => squaredError(probabilities[i]!, label));
    this.confidences = sortConfidences(labels, probabilities);
    this.byClass = sortByClass(labels, probabilities);
    this.rankings = Array.from({ length: classes }, (_, c) =>
      rank(
        probabilities.map((row) => row[c]!),
        labels.map((label) => label === c),
      ),
    );
  }

  /** Writes METRICS, then the CLASS_METRICS of each class; NaN where a metric is undefined. Allocates nothing. */
  score(weights: Float64Array, out: Float64Array): void {
    this.fillConfusion(weights);
    for (let c = 0; c < this.classes; c++) this.scoreClass(c, weights, out);
    this.scoreDecisions(out);
    this.scoreProbabilities(weights, out);
  }

  private fillConfusion(weights: Float64Array): void {
    const { counts } = this.confusion;
    counts.fill(0);
    for (let i = 0; i < weights.length; i++) counts[this.cell[i]!]! += weights[i]!;
  }

  private scoreClass(c: number, weights: Float64Array, out: Float64Array): void {
    out[classMetricIndex(c, "precision")] = metrics.precision(this.confusion, c);
    out[classMetricIndex(c, "recall")] = metrics.recall(this.confusion, c);
    out[classMetricIndex(c, "f1")] = metrics.f1(this.confusion, c);
    out[classMetricIndex(c, "auroc")] = auroc(this.rankings[c]!, weights);
    out[classMetricIndex(c, "specificity")] = metrics.classSpecificity(this.confusion, c);
    out[classMetricIndex(c, "npv")] = metrics.classNpv(this.confusion, c);
  }

  private scoreDecisions(out: Float64Array): void {
    const { confusion } = this;
    const binary = this.classes === 2;
    out[metricIndex("accuracy")] = metrics.accuracy(confusion);
    out[metricIndex("balancedAccuracy")] = metrics.balancedAccuracy(confusion);
    out[metricIndex("macroF1")] = metrics.macroF1(confusion);
    out[metricIndex("matthews")] = metrics.matthews(confusion);
    out[metricIndex("cohenKappa")] = metrics.cohenKappa(confusion);
    out[metricIndex("quadraticKappa")] = metrics.quadraticKappa(confusion);
    out[metricIndex("meanAbsoluteError")] = metrics.meanAbsoluteError(confusion);
    out[metricIndex("offByOneAccuracy")] = metrics.offByOneAccuracy(confusion);
    out[metricIndex("sensitivity")] = binary ? metrics.recall(confusion, 1) : Number.NaN;
    out[metricIndex("specificity")] = binary ? metrics.recall(confusion, 0) : Number.NaN;
    out[metricIndex("ppv")] = binary ? metrics.precision(confusion, 1) : Number.NaN;
    out[metricIndex("npv")] = binary ? metrics.precision(confusion, 0) : Number.NaN;
  }

  private scoreProbabilities(weights: Float64Array, out: Float64Array): void {
    const binary = this.classes === 2;
    out[metricIndex("auroc")] = binary ? out[classMetricIndex(1, "auroc")]! : this.macroAuroc(out);
    out[metricIndex("pairwiseAuroc")] = binary ? Number.NaN : this.pairwiseAuroc(weights);
    out[metricIndex("auprc")] = binary ? averagePrecision(this.rankings[1]!, weights) : Number.NaN;
    out[metricIndex("negativeLogLikelihood")] = weightedMean(this.surprise, weights);
    out[metricIndex("brierScore")] = weightedMean(this.squaredError, weights);
    out[metricIndex("calibrationError")] = expectedCalibrationError(this.confidences, this.bins, weights);
    out[metricIndex("classwiseCalibrationError")] = classwiseCalibrationError(
      this.byClass,
      this.bins,
      weights,
    );
    out[metricIndex("areaUnderRiskCoverage")] = areaUnderRiskCoverage(this.confidences, weights);
  }

  /** Mean of the one-vs-rest areas over the classes for which it is defined. */
  private macroAuroc(out: Float64Array): number {
    let sum = 0;
    let present = 0;
    for (let c = 0; c < this.classes; c++) {
      const area = out[classMetricIndex(c, "auroc")]!;
      if (Number.isNaN(area)) continue;
      sum += area;
      present++;
    }
    return sum / present;
  }

  /** Mean of A(i | j) and A(j | i) over the pairs of classes that both occur. */
  private pairwiseAuroc(weights: Float64Array): number {
    const rows = { labels: this.labels, weights };
    this.pairs.forEach((out, c) => aurocAgainstEach(this.rankings[c]!, c, rows, out, this.pairSums));
    let [sum, count] = [0, 0];
    for (let i = 0; i < this.classes; i++)
      for (let j = 0; j < i; j++) {
        const both = (this.pairs[i]![j]! + this.pairs[j]![i]!) / 2;
        if (Number.isNaN(both)) continue;
        sum += both;
        count++;
      }
    return sum / count;
  }
}

/**
 * Every metric of one model, without intervals, for runs over many seeds or folds.
 * @param bins number of bins of the calibration errors   @returns NaN where a metric is undefined   @throws the errors
 *   of checkScores
 */
export function scoreAll(
  scores: Pick<Scored, "labels" | "probabilities">,
  classes: number,
  bins: number,
): Record<MetricName, number> {
  checkScores(scores.labels, scores.probabilities, classes);
  const scorer = new Scorer(scores, classes, bins);
  const out = new Float64Array(scorer.count);
  scorer.score(new Float64Array(scores.labels.length).fill(1), out);
  return Object.fromEntries(METRICS.map((name, k) => [name, out[k]!])) as Record<MetricName, number>;
}

function weightedMean(values: Float64Array, weights: Float64Array): number {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    sum += weights[i]! * values[i]!;
    total += weights[i]!;
  }
  return sum / total;
}
