/** Does the model do worse for some? Every group of a column by itself, and against all the others. */
import { defaultBins } from "../calibration/reliability.js";
import { ShapeError } from "../errors.js";
import { SMALL_SUPPORT } from "../metrics/confusion.js";
import { metricIndex, Scorer, type MetricName } from "../metrics/scorer.js";
import { absent, applies, settings, WITHOUT_INTERVAL, type SummaryOptions } from "../options.js";
import { checkPredictions, type Predictions } from "../predictions.js";
import { groupSubjects, resampleSubjects, rowsBySubject, seededRandom } from "../statistics/bootstrap.js";
import { holm } from "../statistics/holm.js";
import { noInterval, type Estimate } from "../statistics/interval.js";
import { differenceOf, pairedEstimate } from "../statistics/paired.js";
import { summarise } from "../summary.js";
import type { SubgroupColumn } from "./columns.js";
import { membershipTest } from "./membership.js";

export interface SubgroupMetric {
  estimate: Estimate;
  /** the group minus all others */
  difference: Estimate;
  /** two-sided, by permutation; NaN where the metric is undefined in the group or among the others */
  p: number;
  /** by Holm over the groups of the column */
  adjusted: number;
}

export interface Subgroup {
  name: string;
  volumes: number;
  subjects: number;
  /** fewer than 10 subjects: its numbers say little */
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
 * Each metric in each group, with its interval, and the group against the rest. The interval of the difference is the
 * bootstrap over subjects, within label and group. The test permutes which subjects are in which group, within their
 * label, so that a group with other case mix is not called worse for that alone; where a subject has volumes in several
 * groups there is no such test. Many columns looked at find something: Holm counts only the groups of this one.
 * @param column one group a row of the predictions (subgroupColumn)
 * @param options resamples is also the number of permutations
 * @throws ShapeError where the column has other rows; the errors of checkPredictions
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
  const whole = [...rowsBySubject(subjects).values()].every((rows) =>
    rows.every((i) => column.groupOf[i] === column.groupOf[rows[0]!]),
  );
  const tests = compareGroups(predictions, column, used, whole, options);
  const groups = column.groups.map((name, g): Subgroup => {
    const rows = [...labels.keys()].filter((i) => column.groupOf[i] === g);
    const inGroup = new Set(rows.map((i) => subjects[i]!)).size;
    const own = rows.length === 0 ? undefined : summarise([takeRows(predictions, rows)], options)[0]!.metrics;
    const of = (metric: MetricName, m: number): SubgroupMetric => ({
      estimate: own?.[metric] ?? absent(options.level ?? 0.95),
      ...tests[g]![m]!,
    });
    return {
      name,
      volumes: rows.length,
      subjects: inGroup,
      small: inGroup < SMALL_SUPPORT,
      classes: Array.from({ length: classes }, (_, c) => rows.filter((i) => labels[i] === c).length),
      metrics: Object.fromEntries(used.map((metric, m) => [metric, of(metric, m)])),
    };
  });
  return { model, column: column.name, rule: column.rule, groups, notes: notesOf(groups, whole) };
}

type GroupTest = Omit<SubgroupMetric, "estimate">;

/** Difference to the rest, and its test, for each group and metric. */
function compareGroups(
  { labels, subjects, probabilities }: Predictions,
  { groupOf, groups }: SubgroupColumn,
  metrics: readonly MetricName[],
  whole: boolean,
  options: SummaryOptions,
): GroupTest[][] {
  const { classes, resamples, level, seed } = settings(options);
  const scorer = new Scorer({ labels, probabilities }, classes, options.bins ?? defaultBins(labels.length));
  const values = new Float64Array(scorer.count);
  const masked = new Float64Array(labels.length);
  /** Each metric in group 0 and in its rest, then in group 1 and in its rest, ... */
  const score = (weights: Float64Array, member: ArrayLike<number>, out: Float64Array) => {
    let at = 0;
    for (let g = 0; g < groups.length; g++)
      for (const inside of [true, false]) {
        for (let i = 0; i < masked.length; i++) masked[i] = (member[i] === g) === inside ? weights[i]! : 0;
        scorer.score(masked, values);
        for (const name of metrics) out[at++] = values[metricIndex(name)]!;
      }
  };
  const count = 2 * groups.length * metrics.length;
  const strata = whole ? labels.map((label, i) => label * groups.length + groupOf[i]!) : labels;
  const resampled = resampleSubjects(
    (weights, out) => score(weights, groupOf, out),
    count,
    groupSubjects(subjects, strata),
    { resamples, random: seededRandom(seed) },
  );
  const ones = new Float64Array(labels.length).fill(1);
  const index = (g: number, m: number) => 2 * g * metrics.length + m;
  const pValues = whole
    ? membershipTest(
        (member, out) => {
          const both = new Float64Array(count);
          score(ones, member, both);
          for (let g = 0, k = 0; g < groups.length; g++)
            for (let m = 0; m < metrics.length; m++)
              out[k++] = both[index(g, m)]! - both[index(g, m) + metrics.length]!;
        },
        groups.length * metrics.length,
        { subjects, labels, groupOf },
        { permutations: resamples, random: seededRandom(seed + 1) },
      )
    : new Array<number>(groups.length * metrics.length).fill(Number.NaN);
  const table = groups.map((_, g) =>
    metrics.map((name, m): GroupTest => {
      const { difference } = pairedEstimate(differenceOf(resampled, index(g, m), index(g, m) + metrics.length), level);
      const p = pValues[g * metrics.length + m]!;
      return WITHOUT_INTERVAL.includes(name)
        ? { difference: { value: difference.value, interval: noInterval(level) }, p: Number.NaN, adjusted: Number.NaN }
        : { difference, p, adjusted: p };
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

function notesOf(groups: readonly Subgroup[], whole: boolean): string[] {
  const small = groups.filter((group) => group.small).map(({ name, subjects }) => `${name} (n = ${subjects})`);
  return [
    ...(small.length > 0
      ? [`Fewer than ${SMALL_SUPPORT} subjects in ${small.join(", ")}: read their numbers as anecdotes.`]
      : []),
    ...(whole
      ? []
      : ["Some subjects have volumes in several groups: there are intervals of the differences, but no test."]),
  ];
}
