/** How often prediction sets contain the true class on the test set, and how large they are. */
import { checkLabels } from "../metrics/check.js";
import { SMALL_SUPPORT } from "../metrics/confusion.js";
import {
  groupSubjects,
  oneVolumeEach,
  resampleSubjects,
  rowsBySubject,
  sampledOf,
  seededRandom,
} from "../intervals/bootstrap.js";
import type { Estimate } from "../intervals/interval.js";
import { sampledShare, wilson } from "../intervals/proportion.js";
import { estimateOf } from "../intervals/sampled.js";
import { checkSets } from "./conformal.js";

export interface SetReport {
  /** share of volumes whose set contains the true class */
  coverage: Estimate;
  /** share of subjects whose volumes are all covered, which is the target of the sets */
  subjectCoverage: Estimate;
  /** mean number of classes in a set: 1 is a plain prediction, C is uninformative */
  meanSize: Estimate;
  /** volumes with 0, 1, ..., C classes in their set */
  sizes: number[];
  perClass: { support: number; small: boolean; coverage: Estimate }[];
}

/**
 * Coverage by Wilson's interval (with the design effect where subjects have several volumes), mean size by the
 * bootstrap over subjects. A coverage below the target by less than the interval may be chance: the validation set is a
 * sample, too.
 * @param sets_NC result of predictionSets
 * @throws ShapeError where lengths differ, LabelError, RangeOfParameterError
 */
export function reportSets(
  sets_NC: readonly (readonly boolean[])[],
  { labels, subjects }: { labels: readonly number[]; subjects: readonly string[] },
  { seed, resamples, level = 0.95 }: { seed: number; resamples?: number; level?: number },
): SetReport {
  const classes = checkSets(sets_NC, labels.length);
  checkLabels(labels, classes);
  const groups = groupSubjects(subjects);
  const covered = labels.map((label, i) => sets_NC[i]![label]!);
  const sizes = sets_NC.map((set) => set.filter(Boolean).length);
  const share = (rows: readonly number[]) =>
    shareCovered(rows, covered, subjects, oneVolumeEach(groups), level);
  const everyRow = [...labels.keys()];
  const whole = [...rowsBySubject(subjects).values()].filter((rows) => rows.every((i) => covered[i])).length;
  const subjectCount = new Set(subjects).size;
  return {
    coverage: share(everyRow),
    subjectCoverage: { value: whole / subjectCount, interval: wilson(whole, subjectCount, level) },
    meanSize: meanSize(sizes, groups, { seed, level, ...(resamples === undefined ? {} : { resamples }) }),
    sizes: Array.from({ length: classes + 1 }, (_, size) => sizes.filter((count) => count === size).length),
    perClass: Array.from({ length: classes }, (_, c) => {
      const rows = everyRow.filter((i) => labels[i] === c);
      const ofClass = new Set(rows.map((i) => subjects[i])).size;
      return { support: rows.length, small: ofClass < SMALL_SUPPORT, coverage: share(rows) };
    }),
  };
}

function shareCovered(
  rows: readonly number[],
  covered: readonly boolean[],
  subjects: readonly string[],
  independent: boolean,
  level: number,
): Estimate {
  const ofSubjects = [...rowsBySubject(rows.map((i) => subjects[i]!)).values()];
  const hits = ofSubjects.map((own) => own.filter((k) => covered[rows[k]!]).length);
  const trials = ofSubjects.map((own) => own.length);
  return estimateOf(sampledShare(hits, trials, independent), level);
}

function meanSize(
  sizes: readonly number[],
  groups: Parameters<typeof resampleSubjects>[2],
  { seed, level, resamples }: { seed: number; level: number; resamples?: number },
): Estimate {
  const resampled = resampleSubjects(
    (weights, out) => {
      let [sum, total] = [0, 0];
      for (let i = 0; i < sizes.length; i++) {
        sum += weights[i]! * sizes[i]!;
        total += weights[i]!;
      }
      out[0] = sum / total;
    },
    1,
    groups,
    { random: seededRandom(seed), ...(resamples === undefined ? {} : { resamples }) },
  );
  return estimateOf(sampledOf(resampled, 0, "positive"), level);
}
