/** Groups of each column with their intervals. */
import type { MetricName } from "@slicestack/stats";
import { colourOf, drawSvg, PALETTE } from "../../page/drawing.js";
import { formatEstimate } from "../../page/format.js";
import { METRIC_NAMES, modelName, SHORT_NAMES } from "../../evaluate/metric-names.js";
import type { SubgroupAnalysis } from "../../evaluate/subgroups/analysis.js";
import type { Figure } from "./figure.js";
import { forestPanel } from "./forest.js";

export async function subgroupFigure({ model, column, groups }: SubgroupAnalysis): Promise<Figure> {
  const names = Object.keys(groups[0]!.metrics) as MetricName[];
  const panels = names.map((name, i) => {
    const rows = groups.map((group) => ({
      label: `${group.name} (n = ${group.subjects})`,
      estimate: group.metrics[name]!.estimate,
      colour: group.small ? PALETTE.grey : colourOf(model),
    }));
    return forestPanel(SHORT_NAMES[name] ?? METRIC_NAMES[name], rows, [0, 1], undefined, i === 0);
  });
  const groupTexts = groups.map(
    ({ name, metrics }) =>
      `${name}: ${names.map((metric) => `${SHORT_NAMES[metric] ?? metric} ${formatEstimate(metrics[metric]!.estimate)}`).join(", ")}`,
  );
  return {
    name: `subgroups_${column.replace(/[^\w-]+/g, "_")}`,
    group: "subgroups",
    caption: `${modelName(model)} by ${column}; groups of fewer than 10 subjects in grey.`,
    svg: await drawSvg(
      { columns: 2, spacing: { row: 30, column: 36 }, concat: panels },
      { title: `Scores by ${column}`, description: `${groupTexts.join("; ")}.` },
    ),
  };
}
