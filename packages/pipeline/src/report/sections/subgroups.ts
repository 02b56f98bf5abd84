/** Whether the model is worse for some subjects. */
import type { MetricName } from "@slicestack/stats";
import type { SubgroupAnalysis } from "../../evaluate/subgroups/analysis.js";
import { html, table, type Html } from "../../page/html.js";
import type { ScoredInput } from "../report-input.js";
import { formatP, formatSigned } from "../../page/format.js";
import { modelName } from "../../evaluate/metric-names.js";
import { cell, columnOf, figure, figuresOf, partName } from "./shared.js";

export function subgroups(input: ScoredInput): Html | undefined {
  const { subgroups: all } = input.analysis;
  if (all.length === 0) return undefined;
  return html`<p>
      Each group separately, and against all others. The test permutes the groups of the subjects within each
      label, so a different case mix alone is not a difference; p is adjusted over the groups of one column
      only. With many columns, some differences appear by chance.
    </p>
    ${all.map((analysis) => column(input, analysis))}${figuresOf(input, "subgroups").map(figure)}`;
}

function column(input: ScoredInput, { column: name, rule, groups, notes, model }: SubgroupAnalysis): Html {
  const metrics = Object.keys(groups[0]?.metrics ?? {}) as MetricName[];
  const rows = groups.map((group) => ({
    name: group.small ? `${group.name} *` : group.name,
    cells: [
      String(group.subjects),
      String(group.volumes),
      ...metrics.flatMap((metric) => {
        const { estimate, difference, adjusted } = group.metrics[metric]!;
        return [
          cell(estimate),
          html`${cell(difference, formatSigned)} <small class="below">p ${formatP(adjusted)}</small>`,
        ];
      }),
    ],
  }));
  const columns = [
    { name },
    { name: "subjects", count: true },
    { name: "volumes", count: true },
    ...metrics.flatMap((metric) => [
      columnOf(metric),
      { name: "against the rest", note: columnOf(metric).name },
    ]),
  ];
  return html`<h3>${name}</h3>
    ${table(`${modelName(model)} by ${name} on ${partName(input)} (${rule}): estimate and interval.`, columns, rows)}
    ${notes.map((note) => html`<p class="soft small">${note}</p>`)}`;
}
