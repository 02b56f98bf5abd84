/** Thresholds that were chosen on val, for the decision and for the count vote; and whether acting on the model helps. */
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
          The decision is the most probable class: with more than two classes there is no single threshold to
          choose.
        </p>`
      : nothing;
  const rows = thresholds.map(({ rule, threshold, onVal, test }) => ({
    name: ruleName(rule),
    cells: [
      threshold > 1 ? "above 1: never positive" : formatNumber(threshold, 3),
      onVal === null ? "–" : `${formatNumber(onVal.sensitivity)} / ${formatNumber(onVal.specificity)}`,
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
      ${model} predicts ${task.classes[1]!} if the probability reaches a threshold that was chosen on the
      validation part and then fixed; only the fixed threshold was applied to the test part. Scores on val are
      too optimistic.
    </p>
    ${table(`${model} at fixed thresholds: estimate and interval on the test part.`, columns, rows)}`;
}

function ruleName(rule: ThresholdRule): string {
  if (rule.kind === "youden") return "sensitivity + specificity (Youden)";
  if (rule.kind === "f1") return "F1";
  if (rule.kind === "cost") return `cost ${rule.miss} per miss, ${rule.falseAlarm} per false alarm`;
  return `${rule.kind} of at least ${rule.atLeast}`;
}

function sweep(input: ReportInput): Html {
  const { votes } = input.analysis;
  if (votes === null) return nothing;
  const { best, slices, steps } = votes;
  const chosen = steps[best.numerator]!;
  const depth = `${best.numerator} of ${plural(slices, "slice")}`;
  const binary = input.task.classes.length === 2;
  const what = binary ? `class ${input.task.classes[1]!}` : `a class other than ${input.task.classes[0]!}`;
  return html`<h3>Count vote of the slices</h3>
    <p>
      The published 2D baseline: a volume is ${binary ? "positive" : "not of the first class"} if enough
      slices are predicted as ${what}. Every threshold from 0 to ${slices} was tried on the
      ${plural(votes.volumes, "validation volume")}; the highest balanced accuracy there,
      ${formatNumber(chosen.balancedAccuracy)}, is at <strong>${depth}</strong>, the middle of the best
      thresholds. Its score on ${partName(input)} is in the row ‘${modelName("2d_count")}’ (or
      ‘${modelName("2d_vote")}’ if the configuration uses this vote).
    </p>
    ${figuresOf(input, "votes").map(figure)}`;
}

function netBenefit(input: ReportInput): Html {
  return html`<h3>Net benefit</h3>
    <p>
      The net benefit of acting at or above a threshold probability, in true positives per volume, compared
      with acting on all and on none. Only thresholds that are clinically plausible matter, and only if the
      prevalence in the clinic is that of this sample.
    </p>
    ${figuresOf(input, "benefit").map(figure)}`;
}
