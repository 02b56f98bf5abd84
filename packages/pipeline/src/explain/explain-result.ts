/** What an explanation leaves behind. */
import type { BaselineKind } from "./volume-function.js";
import type { SubjectExplained } from "./subject.js";
import type { Summary } from "./summary.js";

export interface ExplainResult {
  out: string;
  /** What the run computes of a volume. */
  explained: string;
  layer: string;
  baseline: BaselineKind;
  steps: number;
  subjects: SubjectExplained[];
  summary: Summary;
  files: string[];
}
