/**
 * The two protocols side by side. "Paper": epoch, vote threshold and score come from the same validation part, as
 * published. "Clean": they are chosen on val, and scored once on test. The difference is the optimism.
 */
import type { Estimate, MetricName } from "@slicestack/stats";
import { optimism } from "../compare/optimism.js";
import type { SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";
import type { ModelSummary } from "../summary.js";

export const PROTOCOLS = ["clean", "paper"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export interface ProtocolRow {
  model: string;
  /** on val, where it was chosen */
  paper: Partial<Record<MetricName, Estimate>>;
  /** on test */
  clean: Partial<Record<MetricName, Estimate>>;
  /** paper minus clean; below 0 for a loss or an error */
  optimism: Partial<Record<MetricName, Estimate>>;
}

/** @param models that were chosen by val scores, so no baselines   @throws the errors of optimism */
export function compareProtocols(
  models: readonly { val: Predictions; test: Predictions }[],
  summaries: { val: readonly ModelSummary[]; test: readonly ModelSummary[] },
  metrics: readonly MetricName[],
  options: SummaryOptions,
): ProtocolRow[] {
  return models.map(({ val, test }) => {
    const { difference } = optimism(val, test, options);
    const pick = (of: Record<MetricName, Estimate> | undefined) =>
      of === undefined ? {} : Object.fromEntries(metrics.map((name) => [name, of[name]]));
    const metricsOf = (all: readonly ModelSummary[]) => all.find(({ model }) => model === val.model)?.metrics;
    return {
      model: val.model,
      paper: pick(metricsOf(summaries.val)),
      clean: pick(metricsOf(summaries.test)),
      optimism: pick(difference),
    };
  });
}
