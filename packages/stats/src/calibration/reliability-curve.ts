/** The reliability curve with confidence intervals. */
import { checkScored, type Scored } from "../metrics/check.js";
import { groupSubjects, oneVolumeEach } from "../intervals/bootstrap.js";
import type { Interval } from "../intervals/interval.js";
import { clusteredWilson, wilson } from "../intervals/proportion.js";
import {
  checkBins,
  sortByClass,
  sortConfidences,
  type Forecasts,
  type ReliabilityBin,
} from "./reliability.js";

export interface ReliabilityPoint extends ReliabilityBin {
  /** of the observed frequency */
  interval: Interval;
  /** subjects with a volume in the bin */
  subjects: number;
}

/**
 * Observed frequency against mean probability, in bins of equal mass. Bröcker & Smith, Weather and Forecasting 22
 * (2007) 651, on why the bins need intervals. Intervals are Wilson's, with the design effect of subjects where a
 * subject has several volumes.
 * @param of the class whose probability is used; by default, the confidence in the predicted class
 * @throws the errors of checkScored, RangeOfParameterError
 */
export function reliabilityCurve(
  scored: Scored,
  { bins, of, level = 0.95 }: { bins: number; of?: number; level?: number },
): ReliabilityPoint[] {
  checkScored(scored);
  checkBins(bins);
  const { labels, probabilities, subjects } = scored;
  const sorted =
    of === undefined ? sortConfidences(labels, probabilities) : sortByClass(labels, probabilities)[of]!;
  const independent = oneVolumeEach(groupSubjects(subjects));
  return binMembers(sorted, bins).map((members) => pointOf(members, subjects, independent, level));
}

/** A row of a bin, and the share of the row that belongs to the bin. */
interface Member {
  row: number;
  share: number;
  p: number;
  y: number;
}

/** The rows of each bin; equal forecasts belong evenly to all bins they straddle. */
function binMembers({ index, confidence, correct }: Forecasts, bins: number): Member[][] {
  const members = Array.from({ length: bins }, (): Member[] => []);
  const n = index.length;
  for (let start = 0; start < n;) {
    let end = start;
    while (end < n && confidence[end] === confidence[start]) end++;
    const [first, last] = [Math.floor((start * bins) / n), Math.ceil((end * bins) / n) - 1];
    for (let b = first; b <= last; b++) {
      const overlap = Math.min(end, ((b + 1) * n) / bins) - Math.max(start, (b * n) / bins);
      const share = overlap / (end - start);
      for (let k = start; k < end; k++)
        members[b]!.push({ row: index[k]!, share, p: confidence[k]!, y: correct[k]! });
    }
    start = end;
  }
  return members.filter((own) => own.length > 0);
}

function pointOf(
  members: readonly Member[],
  subjects: readonly string[],
  independent: boolean,
  level: number,
): ReliabilityPoint {
  const hits = new Map<string, number>();
  const trials = new Map<string, number>();
  let [count, p, y] = [0, 0, 0];
  for (const { row, share, ...forecast } of members) {
    const subject = subjects[row]!;
    count += share;
    p += share * forecast.p;
    y += share * forecast.y;
    trials.set(subject, (trials.get(subject) ?? 0) + share);
    hits.set(subject, (hits.get(subject) ?? 0) + share * forecast.y);
  }
  return {
    count,
    confidence: p / count,
    accuracy: y / count,
    subjects: trials.size,
    interval: independent
      ? wilson(Math.min(y, count), count, level)
      : clusteredWilson([...hits.values()], [...trials.values()], level),
  };
}
