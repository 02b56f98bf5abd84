/** How each number of a model varies with the subjects, by a suitable method, and its interval. */
import {
  argmax,
  balancedSize,
  classMetricIndex,
  type ClassMetricName,
  differenceOf,
  type Estimate,
  estimateOf,
  metricIndex,
  type MetricName,
  metricRange,
  noInterval,
  pairedDifference,
  type Resampled,
  rowsBySubject,
  type Sampled,
  type SampledDifference,
  sampledMeanOfShares,
  sampledOf,
  sampledShare,
  type Scored,
  smallestClass,
} from "@slicestack/stats";
import { WITHOUT_INTERVAL } from "./summary-options.js";

/** A metric that is a proportion: the fraction of hits among the rows that are trials. */
interface Share {
  /** what decides which rows are trials */
  of: "labels" | "decisions";
  trial: (label: number, predicted: number) => boolean;
  hit: (label: number, predicted: number) => boolean;
}

const right = (label: number, predicted: number) => label === predicted;
const ofTrue = (c: number): Share => ({ of: "labels", trial: (label) => label === c, hit: right });
const ofPredicted = (c: number): Share => ({
  of: "decisions",
  trial: (_, predicted) => predicted === c,
  hit: right,
});
const everyRow = () => true;

/** Metrics of class c that are proportions. */
const CLASS_SHARES: Partial<Record<ClassMetricName, (c: number) => Share>> = {
  recall: ofTrue,
  precision: ofPredicted,
  specificity: (c) => ({
    of: "labels",
    trial: (label) => label !== c,
    hit: (_, predicted) => predicted !== c,
  }),
  npv: (c) => ({ of: "decisions", trial: (_, predicted) => predicted !== c, hit: (label) => label !== c }),
};

const SHARES: Partial<Record<MetricName, Share>> = {
  accuracy: { of: "labels", trial: everyRow, hit: right },
  offByOneAccuracy: {
    of: "labels",
    trial: everyRow,
    hit: (label, predicted) => Math.abs(label - predicted) <= 1,
  },
};

const BINARY_SHARES: Partial<Record<MetricName, Share>> = {
  sensitivity: ofTrue(1),
  specificity: ofTrue(0),
  ppv: ofPredicted(1),
  npv: ofPredicted(0),
};

/** Metrics that compare the subjects of each class with those of the others. */
const RANKINGS: ReadonlySet<MetricName | ClassMetricName> = new Set([
  "auroc",
  "pairwiseAuroc",
  "auprc",
] as const);

/** One model in the statistics of a resampling. Proportions are computed from counts, all else from the resamples. */
export class Estimates {
  /**
   * @param resampled the statistics of a Scorer, from `offset`
   * @param independent true if each subject has one volume
   */
  constructor(
    private readonly resampled: Resampled,
    private readonly scored: Scored,
    private readonly independent: boolean,
    private readonly offset = 0,
  ) {}

  metric(name: MetricName, level: number): Estimate {
    const sampled = this.sampled(name);
    if (WITHOUT_INTERVAL.includes(name)) return { value: sampled.value, interval: noInterval(level) };
    return estimateOf(sampled, level);
  }

  ofClass(c: number, name: ClassMetricName, level: number): Estimate {
    const share = CLASS_SHARES[name]?.(c);
    if (share !== undefined) return estimateOf(sampledHits(share, [this.scored], this.independent), level);
    const { labels, subjects, probabilities } = this.scored;
    const atBound = balancedSize(this.scored, probabilities[0]?.length ?? 0);
    const isOfClass = labels.map((label) => (label === c ? 1 : 0));
    const smallest = RANKINGS.has(name) ? smallestClass({ labels: isOfClass, subjects }, 2) : undefined;
    const k = this.offset + classMetricIndex(c, name);
    return estimateOf(sampledOf(this.resampled, k, [0, 1], atBound, smallest), level);
  }

  sampled(name: MetricName): Sampled {
    return sampledMean(name, [this.scored], this.independent, [this.resampled, this.index(name)]);
  }

  /** This model minus another of the same resampling and the same volumes. */
  minus(other: Estimates, name: MetricName, level: number): SampledDifference {
    const [a, b] = [this, other].map(
      (estimates) => [estimates.index(name), estimates.sampled(name)] as const,
    ) as [IndexedSample, IndexedSample];
    return withoutBinned(name, pairedDifference(this.resampled, a, b, level), level);
  }

  /** This model minus one on other subjects. */
  minusApart(other: Estimates, name: MetricName, level: number): SampledDifference {
    return withoutBinned(name, differenceOf(this.sampled(name), other.sampled(name), 0, level), level);
  }

  private index(name: MetricName): number {
    return this.offset + metricIndex(name);
  }
}

/**
 * The mean of a metric over several trainings of one method on the same volumes.
 * @param resampled statistic k of a resampling is that mean
 */
export function sampledMean(
  name: MetricName,
  seeds: readonly Scored[],
  independent: boolean,
  [resampled, k]: readonly [Resampled, number],
): Sampled {
  const classes = seeds[0]!.probabilities[0]?.length ?? 0;
  const share = SHARES[name] ?? (classes === 2 ? BINARY_SHARES[name] : undefined);
  if (share !== undefined && (seeds.length === 1 || share.of === "labels"))
    return sampledHits(share, seeds, independent);
  const smallest = RANKINGS.has(name) ? smallestClass(seeds[0]!, classes) : undefined;
  const sampled = sampledOf(resampled, k, metricRange(name), balancedSize(seeds[0]!, classes), smallest);
  // Of a constant model every resample is alike, and there is no interval.
  if (name !== "balancedAccuracy" || Number.isNaN(sampled.trials)) return sampled;
  const present = [...new Set(seeds[0]!.labels)].sort((a, b) => a - b);
  const mean = sampledMeanOfShares(present.map((c) => sampledHits(ofTrue(c), seeds, independent)));
  return { ...mean, degreesOfFreedom: Math.min(mean.degreesOfFreedom, sampled.degreesOfFreedom) };
}

/** Hits are counted for each subject, as their mean over the seeds. */
function sampledHits({ trial, hit }: Share, seeds: readonly Scored[], independent: boolean): Sampled {
  const { labels, subjects } = seeds[0]!;
  const predicted = seeds.map(({ probabilities }) => probabilities.map(argmax));
  const rows = [...labels.keys()].filter((i) => trial(labels[i]!, predicted[0]![i]!));
  const hitsOf = (i: number) =>
    predicted.filter((predictedClasses) => hit(labels[i]!, predictedClasses[i]!)).length / seeds.length;
  const bySubject = [...rowsBySubject(rows.map((i) => subjects[i]!)).values()];
  const hits = bySubject.map((predictedClasses) =>
    predictedClasses.reduce((sum, k) => sum + hitsOf(rows[k]!), 0),
  );
  return sampledShare(
    hits,
    bySubject.map((predictedClasses) => predictedClasses.length),
    independent,
  );
}

type IndexedSample = readonly [number, Sampled];

/** The bootstrap of a binned error is biased upwards. */
function withoutBinned(name: MetricName, result: SampledDifference, level: number): SampledDifference {
  if (!WITHOUT_INTERVAL.includes(name)) return result;
  return { difference: { value: result.difference.value, interval: noInterval(level) }, p: Number.NaN };
}
