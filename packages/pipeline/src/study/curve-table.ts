/** The tables of a learning curve: one per metric, and the differences from the main variant at each share. */
import { powerLawAt } from "@slicestack/stats";
import type { RepeatedComparison } from "../evaluate/compare/repeated.js";
import { formatNumber } from "../page/format.js";
import type { Block, StudyTable } from "../report/render-blocks.js";
import type { LearningCurve } from "./learning-curve-results.js";
import { percent } from "./run-steps.js";
import {
  differenceCell,
  provenance,
  scoreCell,
  settingsTable,
  short,
  shownMetrics,
  type Provenance,
} from "./ablation-table.js";

export function curveBlocks(
  curve: LearningCurve,
  source: Omit<Provenance, "ablation" | "part" | "comparison">,
): Block[] {
  const { ablation, part, slicesOfAll, points, fits } = curve;
  const last = points.at(-1)!.comparison;
  const sizes = points.map(({ share, volumes }) => `${percent(share)} (${Math.round(volumes)} volumes)`);
  return [
    { text: provenance({ ablation, part, comparison: last, ...source }) },
    {
      text:
        "Trained on these shares of the labelled training subjects, with each class in proportion and smaller shares inside larger ones; val and test stay complete. " +
        (slicesOfAll
          ? "The slice stage used all training slices with their labels at every share, as if many slices but few volumes were labelled."
          : "The slice stage uses the same volumes as the head."),
    },
    ...last.warnings.map((note) => ({ note })),
    ...metricTables(curve, sizes).map((table) => ({ table })),
    { table: minutesTable(curve, sizes) },
    ...(fits.length === 0 ? [] : [{ table: fitTable(curve) }]),
    { table: settingsTable(ablation) },
    { command: source.command },
  ];
}

function metricTables({ ablation, points }: LearningCurve, sizes: readonly string[]): StudyTable[] {
  const last = points.at(-1)!.comparison;
  const byPoint = (cell: (comparison: RepeatedComparison) => string) =>
    points.map(({ comparison }) => cell(comparison));
  return shownMetrics(ablation, last).map((metric) => {
    const rows = last.methods.map(({ name }) => [
      name,
      ...byPoint(({ methods }) => scoreCell(methods.find((one) => one.name === name)!.metrics[metric]!)),
    ]);
    const differences = last.differences.map(({ first, second }) => [
      `${first} − ${second}`,
      ...byPoint((comparison) => {
        const difference = comparison.differences.find((one) => one.second === second)!;
        return differenceCell(difference.metrics[metric]);
      }),
    ]);
    return {
      label: `curve-${metric}`,
      title: short(metric),
      caption:
        "Mean ± SD over seeds, [95 % interval] of the mean over subjects; then paired differences with their interval " +
        `and two-sided p, adjusted by Holm over the ${last.differences.length} differences at a share.`,
      columns: ["method", ...sizes],
      rows: [...rows, ...differences],
    };
  });
}

function minutesTable({ ablation, points }: LearningCurve, sizes: readonly string[]): StudyTable {
  return {
    label: "minutes",
    title: "Minutes of training",
    caption: "Mean over the runs, on the machine that ran them.",
    columns: ["method", ...sizes],
    rows: ablation.variants.map(({ name }, k) => [
      name,
      ...points.map(({ minutes }) => minutes[k]!.toFixed(1)),
    ]),
  };
}

/** The power law of the curves; the caption warns that four sizes hardly distinguish an exponent from a floor. */
function fitTable({ fits, points }: LearningCurve): StudyTable {
  const most = points.at(-1)!.volumes;
  return {
    label: "power-law",
    title: "Power law of the error",
    caption:
      "1 − metric over n training volumes (least squares through all seeds). So few sizes hardly distinguish an exponent from " +
      "a floor: this is a description, and at most a guess at twice the data.",
    columns: [
      "method",
      "metric",
      "error",
      `score at ${Math.round(most)}`,
      `score at ${Math.round(2 * most)}`,
    ],
    rows: fits.map(({ variant, metric, fit }) => [
      variant,
      short(metric),
      `${fit.scale.toPrecision(2)} · n^−${fit.exponent.toPrecision(2)} + ${fit.floor.toPrecision(2)}`,
      formatNumber(1 - powerLawAt(fit, most)),
      formatNumber(1 - powerLawAt(fit, 2 * most)),
    ]),
  };
}
