/** When the model should not decide alone: risk by coverage, and sets instead of single classes. */
import { html, nothing, table, type Html } from "../../page/html.js";
import type { ReportInput } from "../report-input.js";
import { formatNumber } from "../../page/format.js";
import { modelName } from "../../evaluate/metric-names.js";
import { cell, figure, figuresOf, mainOf, partName } from "./shared.js";

export function selective(input: ReportInput): Html | undefined {
  if (input.analysis.selective.length === 0) return undefined;
  return html`${riskTable(input)}${figuresOf(input, "selective").map(figure)}${sets(input)}`;
}

function riskTable(input: ReportInput): Html {
  const { selective: all } = input.analysis;
  const main = mainOf(input).model;
  const area = (model: string) =>
    input.models.find((summary) => summary.model === model)!.metrics.areaUnderRiskCoverage;
  const rows = all.map(({ model, at, bestArea }) => ({
    name: modelName(model),
    main: model === main,
    cells: [
      ...at.map(({ risk }) => cell(risk)),
      html`${cell(area(model), (value) => formatNumber(value, 3))}
        <small class="below">best possible ${formatNumber(bestArea, 3)}</small>`,
    ],
  }));
  const columns = [
    { name: "model" },
    ...all[0]!.at.map(({ coverage }) => ({
      name: `most certain ${Math.round(100 * coverage)} %`,
      note: "error rate",
    })),
    { name: "area", note: "under risk-coverage" },
  ];
  return html`<p>
      Error rate if only the most certain fraction of the volumes is answered and the rest is referred to a
      person. Confidence is the probability of the predicted class.
    </p>
    ${table(`Risk by coverage on ${partName(input)}: estimate and interval.`, columns, rows)}`;
}

function sets({ analysis, task }: ReportInput): Html {
  const reports = analysis.sets;
  if (reports.length === 0) return nothing;
  const aim = Math.round(100 * (1 - reports[0]!.fitted.miss));
  const rows = reports.map(({ fitted, test }) => ({
    name: `${fitted.score === "lac" ? "least ambiguous" : "adaptive"}${fitted.byClass ? ", each class separately" : ""}`,
    cells: [cell(test.subjectCoverage), cell(test.coverage), cell(test.meanSize), test.sizes.join(" / ")],
  }));
  const columns = [
    { name: "kind of set" },
    { name: "subjects covered", note: `target: ${aim} %` },
    { name: "volumes covered" },
    { name: "mean size" },
    {
      name: "sizes",
      note: `volumes with ${task.classes.map((_, c) => c).join(", ")}, ${task.classes.length} classes`,
    },
  ];
  const byClass = task.classes.map((name, c) => ({
    name,
    cells: reports.map(({ test }) => cell(test.perClass[c]!.coverage)),
  }));
  const kinds = rows.map(({ name }) => ({ name, note: "covered" }));
  const never = reports
    .flatMap(({ fitted }) => fitted.quantile_C)
    .some((quantile) => !Number.isFinite(quantile ?? NaN));
  return html`<h3>Prediction sets</h3>
    <p>
      Instead of one class, ${modelName(reports[0]!.model)} names all classes that it cannot rule out, by
      conformal prediction fitted on val. If val were used for nothing else, the sets would cover at least the
      target fraction of new subjects on average. Because the epoch was also chosen on val, they cover
      slightly less; the coverage below is what counts. It does not apply to another hospital.
    </p>
    ${table(`Sets on the test part: estimate and interval.`, columns, rows)}
    ${table(`Volumes of each class whose set contains their class.`, [{ name: "class" }, ...kinds], byClass)}
    ${never ? html`<p class="soft small">Val has too few subjects of some class to ever rule it out: this class is in every set.</p>` : nothing}`;
}
