/** Models scored on the same resamples of the same volumes: compares any two of them, each metric by a suitable test. */
import {
  argmax,
  defaultBins,
  delongTest,
  type Estimate,
  groupSubjects,
  mcNemar,
  type MetricName,
  oneVolumeEach,
  resampleSubjects,
  Scorer,
  seededRandom,
} from "@slicestack/stats";
import { Estimates } from "../estimates.js";
import { settings, WITHOUT_INTERVAL, type SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";
import { alignModels } from "./align.js";

export type PairedTestName = "DeLong" | "exact McNemar" | "paired bootstrap";

/** The interval and the test of a difference, the same wherever it is shown. */
export interface PairedTest {
  /** the first model minus the second */
  difference: Estimate;
  test: PairedTestName;
  /** two-sided; NaN if the metric is undefined or has no test */
  p: number;
}

export class PairedModels {
  readonly models: readonly Predictions[];
  /** true if each subject has one volume */
  readonly independent: boolean;
  private readonly estimates: Estimates[];
  private readonly level: number;

  /** @throws the errors of alignModels */
  constructor(models: readonly Predictions[], options: SummaryOptions) {
    const { classes, resamples, level, seed } = settings(options);
    this.level = level;
    this.models = alignModels(models, classes);
    const { subjects, labels } = this.models[0]!;
    const bins = options.bins ?? defaultBins(labels.length);
    const scorers = this.models.map((model) => new Scorer(model, classes, bins));
    const stride = scorers[0]!.count;
    const groups = groupSubjects(subjects);
    this.independent = oneVolumeEach(groups);
    const resampled = resampleSubjects(
      (weights, out) =>
        scorers.forEach((scorer, m) => scorer.score(weights, out.subarray(m * stride, (m + 1) * stride))),
      scorers.length * stride,
      groups,
      { resamples, random: seededRandom(seed) },
    );
    this.estimates = this.models.map(
      (model, m) => new Estimates(resampled, model, this.independent, m * stride),
    );
  }

  /**
   * Model a minus model b. If volumes are independent, accuracy is tested by the exact McNemar test and the AUROC of two
   * classes by DeLong's test; all else is tested by the interval of the difference.
   */
  test(a: number, b: number, name: MetricName): PairedTest {
    const { difference, p } = this.estimates[a]!.minus(this.estimates[b]!, name, this.level);
    if (this.independent && !WITHOUT_INTERVAL.includes(name)) {
      if (name === "accuracy") return { difference, test: "exact McNemar", p: this.mcNemar(a, b) };
      const delong =
        name === "auroc" && this.models[0]!.probabilities[0]!.length === 2 ? this.delong(a, b) : Number.NaN;
      // DeLong's test needs a variance: there is none if two models rank all pairs equally, or all in opposite order.
      if (!Number.isNaN(delong)) return { difference, test: "DeLong", p: delong };
    }
    return { difference, test: "paired bootstrap", p };
  }

  private mcNemar(a: number, b: number): number {
    const right = (m: number) =>
      this.models[m]!.labels.map((label, i) => argmax(this.models[m]!.probabilities[i]!) === label);
    return mcNemar(right(a), right(b), this.models[a]!.subjects).p;
  }

  private delong(a: number, b: number): number {
    const scores = (m: number) => this.models[m]!.probabilities.map((row) => row[1]!);
    const { labels, subjects } = this.models[a]!;
    const positive = labels.map((label) => label === 1);
    return delongTest({ scores: scores(a), positive, subjects }, scores(b), this.level).p;
  }
}
