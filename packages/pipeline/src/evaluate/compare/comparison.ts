/** What a comparison of runs found. */
import type { MetricName } from "@slicestack/stats";
import type { ModelSummary } from "../summary.js";
import type { AllPairs } from "./all-pairs.js";
import type { FoldComparison } from "./folds.js";

export interface RunComparison {
  /** What was compared, in the order given; `name` is what tables call it. */
  runs: { name: string; folder: string; model: string }[];
  classes: string[];
  metric: MetricName;
  summaries: ModelSummary[];
  pairs: AllPairs;
  /** Groups of a cross-validation on the same folds; else null. */
  folds: FoldComparison | null;
  /** What a reader must know: of other data preparations, splits, several volumes a subject. */
  notes: string[];
}
