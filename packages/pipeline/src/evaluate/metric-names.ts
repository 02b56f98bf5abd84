/** Names of metrics and models for people. */
import type { MetricName } from "@slicestack/stats";
import { headlines } from "./analysis/headlines.js";
import type { ModelDifference } from "./compare/models.js";

/** Full names; the two accuracies also have the paper's names, which have another meaning in scikit-learn. */
export const METRIC_NAMES: Record<MetricName, string> = {
  accuracy: "accuracy ('unweighted' in the paper)",
  balancedAccuracy: "balanced accuracy ('weighted' in the paper)",
  macroF1: "macro F1",
  matthews: "Matthews correlation",
  cohenKappa: "Cohen's kappa",
  quadraticKappa: "quadratic-weighted kappa",
  meanAbsoluteError: "mean absolute error, grades",
  offByOneAccuracy: "off-by-one accuracy",
  auroc: "AUROC",
  pairwiseAuroc: "AUROC over pairs of classes (M)",
  auprc: "AUPRC",
  sensitivity: "sensitivity",
  specificity: "specificity",
  ppv: "positive predictive value",
  npv: "negative predictive value",
  negativeLogLikelihood: "negative log-likelihood, nats",
  brierScore: "Brier score (0 to 2)",
  calibrationError: "expected calibration error",
  classwiseCalibrationError: "classwise calibration error",
  areaUnderRiskCoverage: "area under the risk-coverage curve",
};

/** Names for narrow columns. */
export const SHORT_NAMES: Partial<Record<MetricName, string>> = {
  accuracy: "accuracy",
  balancedAccuracy: "balanced accuracy",
  macroF1: "macro F1",
  quadraticKappa: "QW kappa",
  auroc: "AUROC",
};

const MODEL_NAMES: Record<string, string> = {
  majority: "majority class",
  shortcut: "shortcut baseline",
  metadata: "metadata baseline",
  "2d_vote": "2D vote",
  "2d_count": "2D count vote",
  "2.5d": "2.5D",
  "2.5d_frozen": "2.5D, trunk frozen",
  "3d": "3D",
  ensemble: "mean of the models",
  ensemble_calibrated: "mean of the calibrated models",
};

/** "2d_vote" → "2D vote"; other names are unchanged. */
export function modelName(model: string): string {
  return MODEL_NAMES[model] ?? model;
}

/** The four columns of the table of models: the last is QWK for ordered classes, otherwise AUROC. */
export function headlineMetrics({ ordinal }: { ordinal: boolean }): MetricName[] {
  return headlines(ordinal);
}

/** "2.5D − 2D vote". */
export function differenceName({ first, second }: ModelDifference): string {
  return `${modelName(first)} − ${modelName(second)}`;
}
