/** Whether probabilities mean what they say, and what corrections fitted on val do. */
import type { MetricName } from "@slicestack/stats";
import { CALIBRATION_METRICS, type CalibrationReport } from "../../evaluate/analysis/calibrate.js";
import { COUNT_VOTE } from "../../evaluate/analysis/analysis.js";
import { html, nothing, table, type Html } from "../../page/html.js";
import type { ReportInput } from "../report-input.js";
import { formatNumber, formatSigned } from "../../page/format.js";
import { modelName } from "../../evaluate/metric-names.js";
import { cell, columnOf, figure, figuresOf, mainOf, metricTable, partName, plural } from "./shared.js";

export function calibration(input: ReportInput): Html {
  const bins = mainOf(input).reliability.length;
  const caption = `Probabilities as the models give them, on ${partName(input)}; lower is better. The calibration error uses ${plural(bins, "bin")} of equal mass and has no interval, because its bootstrap is biased.`;
  // A count vote gives an order and a decision, and no probabilities.
  const models = input.models.filter(({ model }) => model !== COUNT_VOTE);
  const metrics = ["negativeLogLikelihood", "brierScore", "calibrationError"] as const;
  const corrected = input.analysis.calibration;
  return html`${metricTable({ ...input, models }, caption, metrics)}
  ${figuresOf(input, "calibration").map(figure)}${corrected === null ? nothing : corrections(input, corrected)}`;
}

function corrections(input: ReportInput, report: CalibrationReport): Html {
  const model = modelName(report.model);
  const rows = report.variants.map(({ name, metrics, nllDifference }) => ({
    name,
    cells: [
      ...CALIBRATION_METRICS.map((metric) =>
        metric === "calibrationError" || metric === "classwiseCalibrationError"
          ? formatNumber(metrics[metric]!.value)
          : cell(metrics[metric]!),
      ),
      nllDifference === null ? "–" : cell(nllDifference, formatSigned),
    ],
  }));
  const columns = [
    { name: "probabilities" },
    ...CALIBRATION_METRICS.map((metric) => ({ name: SHORT[metric] ?? columnOf(metric).name })),
    { name: "NLL, difference", note: "to as given, paired" },
  ];
  return html`<h3>Corrected by val</h3>
    <p>${priorText(input, report)} ${temperatureText(report)}</p>
    ${table(`${model} on the test part with corrections that were fitted without it.`, columns, rows)}
    ${figuresOf(input, "corrected").map(figure)}
    <p class="soft small">${brierText(report)}</p>`;
}

const SHORT: Partial<Record<MetricName, string>> = {
  negativeLogLikelihood: "NLL",
  brierScore: "Brier",
  calibrationError: "ECE",
  classwiseCalibrationError: "classwise ECE",
  balancedAccuracy: "balanced accuracy",
};

function priorText({ task }: ReportInput, { priors }: CalibrationReport): string {
  if (priors === null)
    return "No sampler or class weight changed the mix of classes in training in a way that could be undone exactly: the priors are left as they are.";
  const list = (mix: readonly number[]) =>
    mix.map((share, c) => `${task.classes[c]!} ${formatNumber(share)}`).join(", ");
  return `Training showed the model the classes in other shares than the data hold (${list(priors.trained)} instead of ${list(priors.target)}); the prior correction divides that out.`;
}

function temperatureText({ temperature, priors }: CalibrationReport): string {
  const { temperature: t, atBound, volumes, nllBefore, nllAfter } = temperature;
  const meaning = t > 1 ? "the model was too sure of itself" : t < 1 ? "the model was too hesitant" : "nothing to mend";
  const where = priors === null ? "" : ", after the prior correction";
  const bound = atBound
    ? " It is at the bound of its range, because val is all right or all wrong: do not trust it."
    : "";
  return `The temperature that fits the ${plural(volumes, "volume")} of val best${where} is ${formatNumber(t)} (${meaning}); NLL on val ${formatNumber(nllBefore)} before, ${formatNumber(nllAfter)} after.${bound}`;
}

function brierText({ brier }: CalibrationReport): string {
  const part = (value: number) => formatNumber(value, 3);
  return `Brier score as given ${part(brier.brier)} = reliability ${part(brier.reliability)} − resolution ${part(brier.resolution)} + uncertainty ${part(brier.uncertainty)} + within bins ${part(brier.withinBins)}, over ${brier.bins} bins of equal mass: small reliability is good, large resolution is good, uncertainty is a matter of the data.`;
}
