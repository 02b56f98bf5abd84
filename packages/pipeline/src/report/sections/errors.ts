/** Confusion matrices, and scores by class. */
import { type Estimate, type MetricName, SMALL_SUPPORT } from "@slicestack/stats";
import type { ClassSummary } from "../../evaluate/summary.js";
import { html, nothing, table, type Html } from "../../page/html.js";
import type { ReportInput } from "../report-input.js";
import { modelName } from "../../evaluate/metric-names.js";
import { cell, figure, figuresOf, mainOf, metricTable } from "./shared.js";

/** Scores of a class against the rest; for runs and groups. */
export const CLASS_COLUMNS = [
  "class",
  "volumes",
  "recall (sensitivity)",
  "specificity",
  "precision (PPV)",
  "NPV",
  "F1",
  "AUROC",
];

export const classEstimates = ({
  recall,
  specificity,
  precision,
  npv,
  f1,
  auroc,
}: ClassSummary): Estimate[] => [recall, specificity, precision, npv, f1, auroc];

export function errors(input: ReportInput): Html {
  const main = mainOf(input);
  const columns = CLASS_COLUMNS.map((name) => ({
    name,
    count: name === "volumes",
  }));
  const rows = main.perClass.map((entry) => ({
    name: entry.small ? `${entry.name} *` : entry.name,
    cells: [String(entry.support), ...classEstimates(entry).map((value) => cell(value))],
  }));
  const marked = main.perClass.some(({ small }) => small);
  const matrices = figuresOf(input, "confusion");
  return html`<p>Volumes by true and predicted class; below each count is its share of the true class.</p>
    <div class="side${input.task.classes.length === 2 && matrices.length > 2 ? " three" : ""}">
      ${matrices.map(figure)}
    </div>
    ${table(`${modelName(main.model)} by class, each against the rest: estimate and ${Math.round(100 * main.bootstrap.level)} % interval.`, columns, rows)}
    ${marked ? html`<p class="soft small">* fewer than ${SMALL_SUPPORT} subjects: the numbers are unreliable.</p> ` : nothing}${agreement(input)}`;
}

/** Further metrics of decisions: agreement, and for ordered classes errors in grades. */
function agreement(input: ReportInput): Html {
  const ordinal: MetricName[] = input.task.ordinal ? ["meanAbsoluteError", "offByOneAccuracy"] : [];
  return metricTable(input, "Further measures of agreement with the true classes.", [
    "matthews",
    "cohenKappa",
    ...ordinal,
  ]);
}
