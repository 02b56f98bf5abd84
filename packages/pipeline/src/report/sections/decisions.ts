/** Thresholds that were chosen on val: of the decision, and of the slices' count vote; and whether acting on the model helps. */
import type { ThresholdRule } from "@slicestack/stats";
import { DECISION_METRICS } from "../../evaluate/analysis/thresholds.js";
import { html, nothing, table, type Html } from "../../page/html.js";
import type { ReportInput } from "../report-input.js";
import { formatNumber } from "../../page/format.js";
import { modelName } from "../../evaluate/metric-names.js";
import { cell, columnOf, figure, figuresOf, partName, plural } from "./shared.js";

export function decisions(input: ReportInput): Html | undefined {
  const { thresholds, votes, decisionCurve } = input.analysis;
  if (thresholds.length === 0 && votes === null && decisionCurve === null) return undefined;
  return html`${frozen(input)}${sweep(input)}${decisionCurve === null ? nothing : netBenefit(input)}`;
}

function frozen({ analysis, task }: ReportInput): Html {
  const { thresholds } = analysis;
  if (thresholds.length === 0)
    return task.classes.length > 2
      ? html`<p>
          The decision is the likeliest class: with more than two classes there is no single threshold to choose.
        </p>`
      : nothing;
  const rows = thresholds.map(({ rule, threshold, onVal, test }) => ({
    name: ruleName(rule),
    cells: [
      threshold > 1 ? "above 1: nobody" : formatNumber(threshold, 3),
      `${formatNumber(onVal.sensitivity)} / ${formatNumber(onVal.specificity)}`,
      ...DECISION_METRICS.map((name) => cell(test[name]!)),
    ],
  }));
  const columns = [
    { name: "chosen on val for" },
    { name: "threshold" },
    { name: "on val", note: "sensitivity / specificity" },
    ...DECISION_METRICS.map((name) => ({ ...columnOf(name), note: "on test" })),
  ];
  const model = modelName(thresholds[0]!.model);
  return html`<h3>Decision threshold</h3>
    <p>
      ${model} calls a volume ${task.classes[1]!} from a probability on that was chosen on the validation part and then
      frozen; the test part only ever saw the frozen one. On val the choice looks better than it is.
    </p>
    ${table(`${model} at frozen thresholds: estimate and interval on the test part.`, columns, rows)}`;
}

function ruleName(rule: ThresholdRule): string {
  if (rule.kind === "youden") return "sensitivity + specificity (Youden)";
  if (rule.kind === "f1") return "F1";
  if (rule.kind === "cost") return `cost ${rule.miss} a miss, ${rule.falseAlarm} a false alarm`;
  return `${rule.kind} of at least ${rule.atLeast}`;
}

function sweep(input: ReportInput): Html {
  const { votes } = input.analysis;
  if (votes === null) return nothing;
  const { best, slices, steps } = votes;
  const chosen = steps[best.numerator]!;
  const depth = `${best.numerator} of ${plural(slices, "slice")}`;
  const binary = input.task.classes.length === 2;
  const what = binary ? `class ${input.task.classes[1]!}` : `another class than ${input.task.classes[0]!}`;
  return html`<h3>Count vote of the slices</h3>
    <p>
      The published 2D baseline: a volume is ${binary ? "positive" : "not of the first class"} where enough slices say
      ${what}. Every threshold from 0 to ${slices} was tried on the ${plural(votes.volumes, "validation volume")}; the
      highest balanced accuracy there, ${formatNumber(chosen.balancedAccuracy)}, is at <strong>${depth}</strong>, the
      middle of the best run. The score of this choice on ${partName(input)} is the row ‘${modelName("2d_count")}’ (or
      ‘${modelName("2d_vote")}’ where the configuration votes so).
    </p>
    ${figuresOf(input, "votes").map(figure)}`;
}

function netBenefit(input: ReportInput): Html {
  return html`<h3>Is it worth acting on?</h3>
    <p>
      Net benefit of acting from a probability on, in true positives per volume, beside acting on all and on none. Only
      thresholds at which somebody would act mean anything, and only if the clinic’s share of positives is that of this
      sample.
    </p>
    ${figuresOf(input, "benefit").map(figure)}`;
}
