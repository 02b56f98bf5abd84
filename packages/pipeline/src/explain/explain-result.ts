/** The result of an explanation. */
import type { BaselineKind } from "./volume-function.js";
import type { SubjectExplained } from "./subject.js";
import type { Summary } from "./summary.js";

export interface ExplainResult {
  out: string;
  /** Class names, in the order of the model's outputs. */
  classes: readonly string[];
  /** The explained quantity, in words. */
  explained: string;
  layer: string;
  baseline: BaselineKind;
  steps: number;
  subjects: SubjectExplained[];
  summary: Summary;
  files: string[];
}
