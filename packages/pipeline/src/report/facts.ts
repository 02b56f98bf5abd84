/** Facts of a run in words, for the model card and the checklist. */
import type { MetricName } from "@slicestack/stats";
import type { ModelSummary } from "../evaluate/summary.js";
import type { ReportInput } from "./report-input.js";
import { METRIC_NAMES, SHORT_NAMES, headlineMetrics, modelName } from "../evaluate/metric-names.js";
import { formatEstimate, formatNumber, formatSigned } from "../page/format.js";

/** The text for what cannot be known from a run. */
export const TO_FILL = "to be filled in by the authors";

export function mainSummary({ models, mainModel }: Pick<ReportInput, "models" | "mainModel">): ModelSummary {
  return models.find(({ model }) => model === mainModel)!;
}

/** "balanced accuracy 0.81 [0.70, 0.89], AUROC …" of the main model. */
export function performance(input: ReportInput): string {
  const main = mainSummary(input);
  const binary: MetricName[] = input.task.classes.length === 2 ? ["sensitivity", "specificity"] : [];
  const names = [...new Set<MetricName>([...headlineMetrics(main), "auroc", ...binary])];
  const level = Math.round(100 * main.bootstrap.level);
  const scores = names.map(
    (name) => `${SHORT_NAMES[name] ?? METRIC_NAMES[name]} ${formatEstimate(main.metrics[name])}`,
  );
  return `${modelName(main.model)} on ${input.external ? input.dataset.name : input.part} (${main.subjects} subjects, ${main.volumes} volumes): ${scores.join(", ")}; ${level} % intervals`;
}

export function splitFact({ split, part, external, dataset }: ReportInput): string {
  const parts = split.parts.map(
    ({ part: name, subjects, volumes }) => `${name} ${subjects} subjects, ${volumes} volumes`,
  );
  const outside = external && part === "test" ? `; scored on the data set ${dataset.name}` : "";
  return `by subject, stratified by label, seed ${split.seed}: ${parts.join("; ")}${outside}`;
}

export function calibrationFact({ analysis, models, mainModel }: ReportInput): string {
  const { metrics } = mainSummary({ models, mainModel });
  const given = `NLL ${formatEstimate(metrics.negativeLogLikelihood)}, Brier score ${formatEstimate(metrics.brierScore)}, expected calibration error ${formatNumber(metrics.calibrationError.value)}`;
  const temperature = analysis.calibration?.temperature.temperature;
  return temperature === undefined
    ? given
    : `${given}; temperature fitted on val ${formatNumber(temperature)}`;
}

export function subgroupFact({ analysis }: ReportInput): string | null {
  if (analysis.subgroups.length === 0) return null;
  return `scores by ${analysis.subgroups.map(({ column }) => column).join(", ")}, each group against the rest (report, Subgroups)`;
}

export function ledgerFact({ ledger, protocol }: ReportInput): string {
  if (protocol === "paper")
    return "the test part was not read for this report; its scores are on val, on which the model was chosen";
  return ledger.count === 1
    ? "the test part was read once"
    : `the test part has been read ${ledger.count} times`;
}

export function protocolFact({ analysis, mainModel }: ReportInput): string | null {
  const row = analysis.protocols?.find(({ model }) => model === mainModel);
  const optimism = row?.optimism.balancedAccuracy;
  if (optimism === undefined) return null;
  return `balanced accuracy on val minus that on test: ${formatEstimate(optimism, formatSigned)}`;
}
