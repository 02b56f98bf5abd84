/** Calibration of the probabilities, before and after corrections that were fitted on val. */
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
  const caption = `Uncorrected probabilities of the models on ${partName(input)}; lower is better. The calibration error uses ${plural(bins, "bin")} of equal mass and has no interval, because its bootstrap is biased.`;
  // A count vote gives an order and a decision, but no probabilities.
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
    { name: "NLL, difference", note: "from as given, paired" },
  ];
  return html`<h3>Corrections fitted on val</h3>
    <p>${priorText(input, report)} ${temperatureText(report)}</p>
    ${table(`${model} on the test part, with corrections that were fitted on val only.`, columns, rows)}
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
    return "No sampler or class weight changed the mix of classes in training in a way that can be undone exactly: the priors are not corrected.";
  const list = (mix: readonly number[]) =>
    mix.map((share, c) => `${task.classes[c]!} ${formatNumber(share)}`).join(", ");
  return `In training, the class frequencies differed from those of the data (${list(priors.trained)} instead of ${list(priors.target)}); the prior correction compensates for that.`;
}

function temperatureText({ temperature, priors }: CalibrationReport): string {
  const { temperature: t, atBound, volumes, nllBefore, nllAfter } = temperature;
  const meaning =
    t > 1 ? "the model was overconfident" : t < 1 ? "the model was underconfident" : "no correction needed";
  const where = priors === null ? "" : ", after the prior correction";
  const bound = atBound
    ? " It is at the bound of its range, because all or none of the predictions on val are correct: do not rely on it."
    : "";
  return `The best temperature for the ${plural(volumes, "volume")} of val${where} is ${formatNumber(t)} (${meaning}); NLL on val ${formatNumber(nllBefore)} before, ${formatNumber(nllAfter)} after.${bound}`;
}

function brierText({ brier }: CalibrationReport): string {
  const part = (value: number) => formatNumber(value, 3);
  return `Brier score as given ${part(brier.brier)} = reliability ${part(brier.reliability)} − resolution ${part(brier.resolution)} + uncertainty ${part(brier.uncertainty)} + within bins ${part(brier.withinBins)}, over ${brier.bins} bins of equal mass. Small reliability and large resolution are good; uncertainty depends on the data only.`;
}
