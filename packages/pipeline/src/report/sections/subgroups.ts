/** Whether the model does worse for some. */
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
      Each group by itself, and against all others. The test permutes within each label which subjects are in the group,
      so that another mix of cases alone is no difference; p is adjusted over the groups of one column only. Many
      columns looked at find something.
    </p>
    ${all.map((one) => column(input, one))}${figuresOf(input, "subgroups").map(figure)}`;
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
    ...metrics.flatMap((metric) => [columnOf(metric), { name: "against the rest", note: columnOf(metric).name }]),
  ];
  return html`<h3>${name}</h3>
    ${table(`${modelName(model)} by ${name} on ${partName(input)} (${rule}): estimate and interval.`, columns, rows)}
    ${notes.map((note) => html`<p class="soft small">${note}</p>`)}`;
}
