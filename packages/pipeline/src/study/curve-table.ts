/** A learning curve in Markdown: a table a metric, and the differences from the main variant at each share. */
import type { RepeatedComparison } from "../evaluate/compare/repeated.js";
import { powerLawAt } from "../evaluate/statistics/learning-curve.js";
import type { LearningCurve } from "./learning-curve.js";
import { percent } from "./runs.js";
import { differenceCell, interval, markdown, number, provenance, settingsTable, short, type Provenance } from "./table.js"; // prettier-ignore

export function curveTable(curve: LearningCurve, source: Omit<Provenance, "ablation" | "part" | "comparison">): string {
  const { ablation, part, slicesOfAll, points, fits } = curve;
  const head = ["", ...points.map(({ share, volumes }) => `${percent(share)} (${Math.round(volumes)} volumes)`)];
  const byPoint = (cell: (comparison: RepeatedComparison, k: number) => string) =>
    points.map(({ comparison }, k) => cell(comparison, k));
  const metrics = ablation.metrics.filter((name) => points[0]!.comparison.methods[0]!.metrics[name] !== undefined);
  const last = points.at(-1)!.comparison;
  const tables = metrics.map((metric) => {
    const rows = last.methods.map(({ name }) => [
      name,
      ...byPoint(({ methods }) => {
        const { mean, sd } = methods.find((one) => one.name === name)!.metrics[metric]!;
        return `${number(mean.value)}${Number.isNaN(sd) ? "" : ` ± ${number(sd)}`} ${interval(mean, number)}`;
      }),
    ]);
    const differences = last.differences.map(({ first, second }) => [
      `${first} − ${second}`,
      ...byPoint((comparison) =>
        differenceCell(comparison.differences.find((one) => one.second === second)!.metrics[metric]),
      ),
    ]);
    return `${short(metric)}:\n\n${markdown(head, [...rows, ...differences])}`;
  });
  const minutes = ablation.variants.map(({ name }, k) => [name, ...points.map((point) => point.minutes[k]!.toFixed(1))]); // prettier-ignore
  return [
    `# ${ablation.name}: learning curve`,
    provenance({ ablation, part, comparison: last, ...source }),
    "Trained on these shares of the labelled training subjects, each class alike, smaller shares within larger ones; val and test stay whole. " +
      (slicesOfAll
        ? "**The slice stage saw all training slices with their labels at every share**: what few labelled volumes beside many labelled slices give."
        : "The slice stage sees no more volumes than the head."),
    "Mean ± SD over seeds, [95 % interval] of the mean over subjects; then paired differences (interval over subjects, two-sided p, not adjusted).", // prettier-ignore
    ...tables,
    `Minutes of training, mean over the runs, on the machine that ran it:\n\n${markdown(head, minutes)}`,
    ...(fits.length === 0 ? [] : [fitText(curve)]),
    "Variants, by the keys in which they differ from the shared configuration:",
    settingsTable(ablation),
    `Made by: \`${source.command}\``,
  ]
    .join("\n\n")
    .concat("\n");
}

/** What the curves would need; four sizes hardly tell an exponent from a floor, which the sentence says. */
function fitText({ fits, points }: LearningCurve): string {
  const most = points.at(-1)!.volumes;
  const rows = fits.map(({ variant, metric, fit }) => [
    variant,
    short(metric),
    `${fit.scale.toPrecision(2)} · n^−${fit.exponent.toPrecision(2)} + ${fit.floor.toPrecision(2)}`,
    number(1 - powerLawAt(fit, most)),
    number(1 - powerLawAt(fit, 2 * most)),
  ]);
  return `Power law of the error, 1 − metric, over n training volumes (least squares through every seed). So few sizes hardly tell an exponent from a floor: a description, and at most a guess at twice the data.\n\n${markdown(["", "metric", "error", `at ${Math.round(most)}`, `at ${Math.round(2 * most)}`], rows)}`;
}
