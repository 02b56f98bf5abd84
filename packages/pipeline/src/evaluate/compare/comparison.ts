/** The result of a comparison of runs. */
import type { MetricName } from "@slicestack/stats";
import type { ModelSummary } from "../summary.js";
import type { AllPairs } from "./all-pairs.js";
import type { FoldComparison } from "./folds.js";

export interface RunComparison {
  /** What was compared, in the given order; `name` is the name in tables. */
  runs: { name: string; folder: string; model: string }[];
  classes: string[];
  metric: MetricName;
  summaries: ModelSummary[];
  pairs: AllPairs;
  /** For cross-validations on the same folds; otherwise null. */
  folds: FoldComparison | null;
  /** Notes for a reader, such as on different preparations, different splits or several volumes per subject. */
  notes: string[];
}
