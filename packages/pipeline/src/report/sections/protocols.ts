/** The published protocol beside the clean one. */
import type { MetricName } from "@slicestack/stats";
import { html, table, type Html } from "../../page/html.js";
import type { ReportInput } from "../report-input.js";
import { formatNumber, formatSigned } from "../../page/format.js";
import { modelName } from "../../evaluate/metric-names.js";
import { cell, columnOf, figure, figuresOf } from "./shared.js";

export function protocols(input: ReportInput): Html {
  const clean = html`<p>
    <strong>Clean</strong>: the best epoch, thresholds and temperatures are chosen on the validation part; the
    test part is scored afterwards. <strong>Paper</strong>: epoch, vote threshold and score come from the same
    validation part, as published, so the score includes the luck of the choice.
  </p>`;
  if (input.protocol === "paper")
    return html`${clean}
      <p>
        This report follows the <strong>paper</strong> protocol: its scores are on the part on which the model
        was chosen, and too optimistic by an unknown amount. The clean protocol measures this amount:
        <code>slicestack evaluate RUN</code>.
      </p>`;
  const rows = input.analysis.protocols;
  if (rows === null)
    return html`${clean}
      <p>
        This report is clean: nothing was chosen on the scored data set. The optimism is in the run’s own
        report.
      </p>`;
  const names = Object.keys(rows[0]?.clean ?? {}) as MetricName[];
  const columns = [{ name: "model" }, { name: "protocol" }, ...names.map(columnOf)];
  const cells = rows.flatMap(({ model, paper, clean: tested, optimism }) =>
    (
      [
        ["paper (val)", paper, formatNumber],
        ["clean (test)", tested, formatNumber],
        ["optimism", optimism, formatSigned],
      ] as const
    ).map(([label, metrics, format], k) => ({
      name: k === 0 ? modelName(model) : html`<span class="soft">${modelName(model)}</span>`,
      cells: [label, ...names.map((name) => cell(metrics[name]!, format))],
    })),
  );
  return html`${clean}${table("Both protocols side by side: estimate and interval. Val and test have different subjects, which are resampled separately.", columns, cells)}
    <p class="soft small">
      A single split shows optimism only if its interval excludes zero. The published bias also includes that
      both stages drew separate splits, which is not reproduced here.
    </p>
    ${figuresOf(input, "protocols").map(figure)}`;
}
