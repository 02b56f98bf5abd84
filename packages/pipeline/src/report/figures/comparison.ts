/** The forest plot of several runs: their scores, and below them the difference of every pair. */
import { coloursOf, drawSvg, INK } from "../../page/drawing.js";
import type { RunComparison } from "../../evaluate/compare/comparison.js";
import { formatEstimate, formatP, formatSigned } from "../../page/format.js";
import { headlineMetrics, METRIC_NAMES, SHORT_NAMES } from "../../evaluate/metric-names.js";
import type { Figure } from "./figure.js";
import { forestPanel, reachOf, type ForestRow } from "./forest.js";

export async function comparisonFigure({ summaries, pairs, metric }: RunComparison): Promise<Figure> {
  const colours = coloursOf(summaries.map(({ model }) => model));
  const title = (name: keyof typeof METRIC_NAMES) => SHORT_NAMES[name] ?? METRIC_NAMES[name];
  const panels = headlineMetrics(summaries[0]!).map((name, i) => {
    const rows = summaries.map(({ model, metrics }): ForestRow => ({
      label: model,
      estimate: metrics[name],
      colour: colours.get(model)!,
    }));
    const low = Math.min(0, ...rows.map(({ estimate }) => estimate.interval.low).filter(Number.isFinite));
    return forestPanel(title(name), rows, [low, 1], undefined, i % 2 === 0);
  });
  const differences = pairs.pairs.map(({ first, second, metrics }): ForestRow => ({
    label: `${first} − ${second}`,
    estimate: metrics[metric]!.difference,
    colour: INK,
  }));
  const reach = reachOf(differences.map(({ estimate }) => estimate));
  const below = forestPanel(`paired difference in ${title(metric)}`, differences, [-reach, reach], 0, true);
  const differenceTexts = pairs.pairs.map(
    ({ first, second, metrics }) =>
      `${first} minus ${second} ${formatEstimate(metrics[metric]!.difference, formatSigned)}, adjusted p ${formatP(metrics[metric]!.adjusted)}`,
  );
  return {
    name: "comparison",
    group: "models",
    caption: `Each run with its interval, and every paired difference in ${title(metric)}: if an interval includes the dashed zero, this test set does not show which run is better.`,
    svg: await drawSvg(
      { vconcat: [{ columns: 2, spacing: { row: 30, column: 36 }, concat: panels }, below], spacing: 36 },
      {
        title: "Runs compared",
        description: `Differences in ${title(metric)}: ${differenceTexts.join("; ")}.`,
      },
    ),
  };
}
