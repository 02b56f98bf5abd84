/** The label-shuffle control: a model that was trained on shuffled labels must not predict the true labels. */
import type { Estimate, MetricName } from "@slicestack/stats";
import type { ModelSummary } from "../summary.js";

export interface ShuffleControl {
  model: string;
  metric: MetricName;
  chance: number;
  estimate: Estimate;
  /** the interval contains chance */
  atChance: boolean;
}

/** By AUROC, whose chance level is 0.5 for any number and mix of classes. @returns null if it is undefined */
export function shuffleControl(summary: ModelSummary): ShuffleControl | null {
  const estimate = summary.metrics.auroc;
  if (!Number.isFinite(estimate.value)) return null;
  const { low, high, method } = estimate.interval;
  const atChance = method === "none" ? estimate.value === 0.5 : low <= 0.5 && high >= 0.5;
  return { model: summary.model, metric: "auroc", chance: 0.5, estimate, atChance };
}
