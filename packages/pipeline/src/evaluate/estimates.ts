/** The interval of each number of a summary, by the method that suits it. */
import { argmax } from "./metrics/confusion.js";
import { classMetricIndex, metricIndex, type ClassMetricName, type MetricName } from "./metrics/scorer.js";
import type { Scored } from "./metrics/check.js";
import { WITHOUT_INTERVAL } from "./options.js";
import { resampledInterval, rowsBySubject, type Resampled } from "./statistics/bootstrap.js";
import { noInterval, type Estimate } from "./statistics/interval.js";
import { clusteredWilson, wilson } from "./statistics/proportion.js";

/** A metric that is a share: of the rows that are trials, those that are hits. */
interface Share {
  trial: (label: number, predicted: number) => boolean;
  hit: (label: number, predicted: number) => boolean;
}

const right = (label: number, predicted: number) => label === predicted;
const ofTrue = (c: number): Share => ({ trial: (label) => label === c, hit: right });
const ofPredicted = (c: number): Share => ({ trial: (_, predicted) => predicted === c, hit: right });
const everyRow = () => true;

const SHARES: Partial<Record<MetricName, Share>> = {
  accuracy: { trial: everyRow, hit: right },
  offByOneAccuracy: { trial: everyRow, hit: (label, predicted) => Math.abs(label - predicted) <= 1 },
};

const BINARY_SHARES: Partial<Record<MetricName, Share>> = {
  sensitivity: ofTrue(1),
  specificity: ofTrue(0),
  ppv: ofPredicted(1),
  npv: ofPredicted(0),
};

/**
 * Wilson's interval where the number is a share of independent volumes, else the bootstrap's. Where the bootstrap has none
 * for a share (all right, or all wrong) it is Wilson's with the subjects as trials.
 */
export class Estimates {
  private readonly predicted: number[];
  private readonly classes: number;

  /** @param independent true where each subject has one volume */
  constructor(
    private readonly resampled: Resampled,
    private readonly scored: Scored,
    private readonly independent: boolean,
    private readonly level: number,
  ) {
    this.predicted = scored.probabilities.map(argmax);
    this.classes = scored.probabilities[0]!.length;
  }

  metric(name: MetricName): Estimate {
    if (WITHOUT_INTERVAL.includes(name))
      return { value: this.resampled.estimate[metricIndex(name)]!, interval: noInterval(this.level) };
    return this.estimate(metricIndex(name), SHARES[name] ?? (this.classes === 2 ? BINARY_SHARES[name] : undefined));
  }

  ofClass(c: number, name: ClassMetricName): Estimate {
    const share = name === "recall" ? ofTrue(c) : name === "precision" ? ofPredicted(c) : undefined;
    return this.estimate(classMetricIndex(c, name), share);
  }

  private estimate(index: number, share: Share | undefined): Estimate {
    const value = this.resampled.estimate[index]!;
    if (share !== undefined && this.independent) return { value, interval: this.wilson(share) };
    const interval = resampledInterval(this.resampled, index, this.level);
    if (share === undefined || interval.method !== "none") return { value, interval };
    return { value, interval: this.clustered(share) };
  }

  private rows({ trial }: Share): number[] {
    return [...this.predicted.keys()].filter((i) => trial(this.scored.labels[i]!, this.predicted[i]!));
  }

  private hits(share: Share, rows: readonly number[]): number {
    return rows.filter((i) => share.hit(this.scored.labels[i]!, this.predicted[i]!)).length;
  }

  private wilson(share: Share) {
    const rows = this.rows(share);
    return wilson(this.hits(share, rows), rows.length, this.level);
  }

  private clustered(share: Share) {
    const rows = this.rows(share);
    const bySubject = [...rowsBySubject(rows.map((i) => this.scored.subjects[i]!)).values()].map((own) =>
      own.map((k) => rows[k]!),
    );
    return clusteredWilson(
      bySubject.map((own) => this.hits(share, own)),
      bySubject.map((own) => own.length),
      this.level,
    );
  }
}
