/** The choice and the test scores as text and tables, for the terminal and for the page. */
import { METRIC_NAMES, modelName, SHORT_NAMES } from "../evaluate/metric-names.js";
import { alignedTable, formatBound, formatNumber, formatSigned, type Format } from "../page/format.js";
import { minutes } from "../plan/choose-config.js";
import { TITLES, type CandidateName } from "./folder.js";
import type { Bundled, ModelScores, Planned, Tested } from "./results.js";
import type { Bounded, CandidateScore, Selected } from "./select.js";
import type { MetricName } from "@slicestack/stats";

/** Metrics of the test set that are shown; report.html of the group has all. */
export const SHOWN: readonly MetricName[] = ["auroc", "balancedAccuracy", "accuracy", "macroF1"];

const metricName = (metric: MetricName): string => SHORT_NAMES[metric] ?? METRIC_NAMES[metric];

/** "2D", "shortcut baseline" */
export const titleOf = (model: string): string =>
  model in TITLES ? TITLES[model as CandidateName] : modelName(model);

/** "0.874 [0.830, 0.911]" */
export function bounded({
  value,
  low,
  high,
}: {
  value: number | null;
  low: number | null;
  high: number | null;
}): string {
  return boundedAs({ value, low, high }, (number, digits = 3) => formatNumber(number, digits));
}

function boundedAs(
  { value, low, high }: { value: number | null; low: number | null; high: number | null },
  as: Format,
) {
  if (value === null) return "–";
  return low === null || high === null ? `${as(value)} [–]` : `${as(value)} [${as(low)}, ${as(high)}]`;
}

export const differenceText = ({ value, low, high }: Bounded): string =>
  low === null || high === null
    ? formatSigned(value, 3)
    : `${formatSigned(value, 3)} [${formatBound(low, formatSigned)}, ${formatBound(high, formatSigned)}]`;

/** Head and rows: the score of each candidate in every fold. */
export function candidateRows({ metric, scores, best, chosen, limit }: Selected): string[][] {
  const head = [
    "method",
    ...scores[0]!.folds.map((_, k) => `fold ${k}`),
    `mean ${metricName(metric)}`,
    "SE",
    "",
  ];
  const remark = ({ name, mean }: CandidateScore) =>
    [
      ...(name === best ? ["best"] : []),
      ...(name !== best && mean >= limit ? ["within one SE of the best"] : []),
      ...(name === chosen ? ["chosen"] : []),
    ].join(", ");
  const rows = scores.map((one) => [
    TITLES[one.name],
    ...one.folds.map((score) => formatNumber(score, 3)),
    formatNumber(one.mean, 3),
    formatNumber(one.standardError, 3),
    remark(one),
  ]);
  return [head, ...rows];
}

/** Why the model was chosen, in sentences. */
export function choiceText({ scores, best, limit, chosen, ensemble, final, metric }: Selected): string {
  const top = scores.find(({ name }) => name === best)!;
  const [score, se] = [top.mean, top.standardError].map((value) => formatNumber(value, 3));
  const rule =
    scores.length === 1
      ? `${TITLES[chosen]} is the only candidate.`
      : `${TITLES[best]} has the best mean ${metricName(metric)}, ${score} with a standard error of ${se}. ` +
        (chosen === best
          ? chosen === scores[0]!.name
            ? "It is also the simplest method, and is chosen."
            : `No simpler method reaches ${formatNumber(limit, 3)}, one standard error below, so that it is chosen.`
          : `${TITLES[chosen]} is the simplest method that reaches ${formatNumber(limit, 3)}, one standard error below, and is chosen.`);
  if (ensemble === null) return rule;
  const { difference, subjects } = ensemble;
  const interval = `The mean of all methods minus ${TITLES[chosen]}, paired within the folds of ${subjects} subjects: ${differenceText(difference)}`;
  return `${rule} ${interval}. ${
    final === "ensemble"
      ? "The interval is above zero, so that the mean of all methods is used."
      : difference.low === null
        ? `It has no interval, so that ${TITLES[chosen]} alone is used.`
        : `The interval is not above zero, so that ${TITLES[chosen]} alone is used.`
  }`;
}

/** Head and rows: every model on the test set. */
export function testRows(models: readonly ModelScores[]): string[][] {
  const head = ["test set", ...SHOWN.map(metricName)];
  const rows = models.map(({ model, metrics }) => [
    titleOf(model),
    ...SHOWN.map((name) => bounded(metrics[name] ?? { value: null, low: null, high: null })),
  ]);
  return [head, ...rows];
}

/** "read once" */
export const readsText = (reads: number): string =>
  reads <= 1
    ? "read once"
    : `read ${reads} times, by a call that was stopped in the middle of it or by slicestack evaluate`;

interface Shown {
  selected: Selected;
  planned: Planned;
  test: Tested;
  bundled: Bundled;
  seconds: number;
  budget: number | null;
}

export function resultText({ selected, planned, test, bundled, seconds, budget }: Shown): string {
  const of = budget === null ? "" : ` of the ${minutes(budget)} that were given`;
  return [
    `Validation sets, ${planned.folds} folds:`,
    alignedTable(candidateRows(selected)),
    choiceText(selected),
    "",
    `Test set, ${test.volumes} volumes of ${test.subjects} subjects, ${readsText(test.reads)}, with 95 % intervals:`,
    alignedTable(testRows(test.models)),
    `Took ${minutes(seconds)}${of}. The bundle holds ${bundled.models} models, whose probabilities are averaged.`,
  ].join("\n");
}
