/** The figure of an ablation: each method with its interval, one panel per metric, and below them the paired differences. */
import { coloursOf, drawSvg, PALETTE } from "../page/drawing.js";
import type { RepeatedComparison } from "../evaluate/compare/repeated.js";
import type { Figure } from "../report/figures/figure.js";
import { forestPanel, reachOf, type ForestRow } from "../report/figures/forest.js";
import { formatEstimate, formatP, formatSigned } from "../page/format.js";
import type { Ablation } from "./ablation-file.js";
import { short, shownMetrics } from "./ablation-table.js";

export async function ablationFigure(
  ablation: Ablation,
  part: "val" | "test",
  comparison: RepeatedComparison,
): Promise<Pick<Figure, "caption" | "svg">> {
  const { methods, differences } = comparison;
  const metrics = shownMetrics(ablation, comparison);
  const colours = coloursOf(methods.map(({ name }) => name));
  const panels = metrics.map((metric, i) => {
    const rows = methods.map(({ name, metrics: own }): ForestRow => {
      return { label: name, estimate: own[metric]!.mean, colour: colours.get(name)! };
    });
    const low = Math.min(0, ...rows.map(({ estimate }) => estimate.interval.low).filter(Number.isFinite));
    return forestPanel(short(metric), rows, [low, 1], undefined, i % 2 === 0);
  });
  const [counts] = metrics;
  const tested = differences.flatMap(({ first, second, metrics: own }) => {
    const compared = counts === undefined ? undefined : own[counts];
    return compared === undefined ? [] : [{ label: `${first} − ${second}`, ...compared }];
  });
  const rows = tested.map(({ label, difference }) => ({ label, estimate: difference, colour: PALETTE.blue }));
  const reach = reachOf(rows.map(({ estimate }) => estimate));
  const below =
    counts === undefined
      ? []
      : [forestPanel(`paired difference in ${short(counts)}`, rows, [-reach, reach], 0, true)];
  const descriptions = tested.map(
    ({ label, difference, adjusted }) =>
      `${label} ${formatEstimate(difference, formatSigned)}, adjusted p ${formatP(adjusted)}`,
  );
  return {
    caption: `Each method on ${part}: mean over seeds, intervals over subjects; below, ${ablation.main} minus each other method. If an interval crosses the dashed zero, these subjects do not show which is better.`,
    svg: await drawSvg(
      { vconcat: [{ columns: 2, spacing: { row: 30, column: 36 }, concat: panels }, ...below], spacing: 36 },
      {
        title: `Ablation ${ablation.name}`,
        description: `Differences: ${descriptions.join("; ") || "none"}.`,
      },
    ),
  };
}
