/** Whether the model is worse for some subjects: scores every group of a column, and compares it with all others. */
import {
  defaultBins,
  type Estimate,
  groupSubjects,
  holm,
  metricIndex,
  type MetricName,
  oneVolumeEach,
  resampleSubjects,
  rowsBySubject,
  Scorer,
  seededRandom,
  ShapeError,
  SMALL_SUPPORT,
} from "@slicestack/stats";
import { Estimates } from "../estimates.js";
import { applies, settings, WITHOUT_INTERVAL, type SummaryOptions } from "../summary-options.js";
import { checkPredictions, type Predictions } from "../predictions.js";
import type { SubgroupColumn } from "./columns.js";
import { membershipTest } from "./membership.js";

export interface SubgroupMetric {
  estimate: Estimate;
  /** the group minus all others */
  difference: Estimate;
  /** two-sided, by permutation; NaN if the metric is undefined in the group or among the others */
  p: number;
  /** Holm's adjustment over the groups of the column */
  adjusted: number;
}

export interface Subgroup {
  name: string;
  volumes: number;
  subjects: number;
  /** fewer than 10 subjects: its numbers are unreliable */
  small: boolean;
  /** volumes of each class */
  classes: number[];
  metrics: Partial<Record<MetricName, SubgroupMetric>>;
}

export interface SubgroupAnalysis {
  model: string;
  column: string;
  rule: string;
  groups: Subgroup[];
  notes: string[];
}

/**
 * Each metric in each group, with its interval, and the group against the rest, by one bootstrap over all subjects. The
 * test permutes the groups of the subjects within their label, so that a group is not called worse only because of its
 * case mix. There is no test if a subject has volumes in several groups. Holm's adjustment covers only the groups of this
 * column: with many columns, some differences appear by chance.
 * @param column one group per row of the predictions (subgroupColumn)
 * @param options resamples is also the number of permutations
 * @throws ShapeError if the column has other rows; the errors of checkPredictions
 */
export function analyseSubgroups(
  predictions: Predictions,
  column: SubgroupColumn,
  metrics: readonly MetricName[],
  options: SummaryOptions,
): SubgroupAnalysis {
  const { classes, ordinal } = settings(options);
  checkPredictions(predictions, classes);
  const { model, labels, subjects } = predictions;
  if (column.groupOf.length !== labels.length)
    throw new ShapeError(
      `column ${column.name}`,
      `${labels.length} rows, as the predictions`,
      String(column.groupOf.length),
    );
  const used = metrics.filter((name) => applies(name, ordinal));
  const isNested = [...rowsBySubject(subjects).values()].every((rows) =>
    rows.every((i) => column.groupOf[i] === column.groupOf[rows[0]!]),
  );
  const tests = compareGroups(predictions, column, used, isNested, options);
  const groups = column.groups.map((name, g): Subgroup => {
    const rows = [...labels.keys()].filter((i) => column.groupOf[i] === g);
    const inGroup = new Set(rows.map((i) => subjects[i]!)).size;
    return {
      name,
      volumes: rows.length,
      subjects: inGroup,
      small: inGroup < SMALL_SUPPORT,
      classes: Array.from({ length: classes }, (_, c) => rows.filter((i) => labels[i] === c).length),
      metrics: Object.fromEntries(used.map((metric, m) => [metric, tests[g]![m]!])),
    };
  });
  return { model, column: column.name, rule: column.rule, groups, notes: notesOf(groups, isNested) };
}

/** Each metric in each group, its difference to the rest, and its test. */
function compareGroups(
  predictions: Predictions,
  { groupOf, groups }: SubgroupColumn,
  metrics: readonly MetricName[],
  isNested: boolean,
  options: SummaryOptions,
): SubgroupMetric[][] {
  const { labels, subjects } = predictions;
  const { classes, resamples, level, seed } = settings(options);
  const scorer = new Scorer(predictions, classes, options.bins ?? defaultBins(labels.length));
  const masked = new Float64Array(labels.length);
  const sides = groups.flatMap((_, g) => [true, false].map((inside) => ({ g, inside })));
  /** All metrics in group 0 and in its rest, then in group 1 and in its rest, ... */
  const score = (weights: Float64Array, member: ArrayLike<number>, out: Float64Array) => {
    sides.forEach(({ g, inside }, side) => {
      for (let i = 0; i < masked.length; i++) masked[i] = (member[i] === g) === inside ? weights[i]! : 0;
      scorer.score(masked, out.subarray(side * scorer.count, (side + 1) * scorer.count));
    });
  };
  const count = sides.length * scorer.count;
  const drawn = groupSubjects(subjects);
  const resampled = resampleSubjects((weights, out) => score(weights, groupOf, out), count, drawn, {
    resamples,
    random: seededRandom(seed),
  });
  const estimates = sides.map(({ g, inside }, side) => {
    const rows = [...labels.keys()].filter((i) => (groupOf[i] === g) === inside);
    return new Estimates(resampled, takeRows(predictions, rows), oneVolumeEach(drawn), side * scorer.count);
  });
  const ones = new Float64Array(labels.length).fill(1);
  const sideScores = new Float64Array(count);
  const groupDifferences = (member: ArrayLike<number>, out: Float64Array) => {
    score(ones, member, sideScores);
    groups.forEach((_, g) =>
      metrics.forEach((name, m) => {
        const k = 2 * g * scorer.count + metricIndex(name);
        out[g * metrics.length + m] = sideScores[k]! - sideScores[k + scorer.count]!;
      }),
    );
  };
  const pValues = isNested
    ? membershipTest(
        groupDifferences,
        groups.length * metrics.length,
        { subjects, labels, groupOf },
        { permutations: resamples, random: seededRandom(seed + 1) },
      )
    : new Array<number>(groups.length * metrics.length).fill(Number.NaN);
  const table = groups.map((_, g) =>
    metrics.map((name, m): SubgroupMetric => {
      const [group, rest] = [estimates[2 * g]!, estimates[2 * g + 1]!];
      const { difference } = group.minus(rest, name, level);
      const p = WITHOUT_INTERVAL.includes(name) ? Number.NaN : pValues[g * metrics.length + m]!;
      return { estimate: group.metric(name, level), difference, p, adjusted: p };
    }),
  );
  // Two groups are one comparison, seen from both sides.
  if (groups.length > 2)
    metrics.forEach((_, m) =>
      holm(table.map((row) => row[m]!.p)).forEach((adjusted, g) => (table[g]![m]!.adjusted = adjusted)),
    );
  return table;
}

function takeRows(predictions: Predictions, rows: readonly number[]): Predictions {
  const take = <T>(values: readonly T[]) => rows.map((i) => values[i]!);
  const { ids, subjects, labels, probabilities } = predictions;
  return {
    ...predictions,
    ids: take(ids),
    subjects: take(subjects),
    labels: take(labels),
    probabilities: take(probabilities),
  };
}

function notesOf(groups: readonly Subgroup[], isNested: boolean): string[] {
  const small = groups
    .filter((group) => group.small)
    .map(({ name, subjects }) => `${name} (n = ${subjects})`);
  return [
    ...(small.length > 0
      ? [`Fewer than ${SMALL_SUPPORT} subjects in ${small.join(", ")}: their numbers are unreliable.`]
      : []),
    ...(isNested
      ? []
      : ["Some subjects have volumes in several groups: the differences have intervals, but no test."]),
  ];
}
