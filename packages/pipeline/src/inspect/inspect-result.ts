import type { Comparison } from "./compare.js";
import type { DatasetLook } from "./dataset-look.js";
import type { InputsComparison } from "./inputs.js";
import type { SourceLook } from "./source-look.js";
import type { VolumeLook } from "./volume-look.js";

/** What `inspect` found. */
export interface InspectResult {
  look: DatasetLook | SourceLook | VolumeLook;
  comparison: Comparison | null;
  inputs: InputsComparison | null;
  /** Files that were written. */
  files: string[];
  /** Text with colours; null if it was not requested, or there is nothing to show. */
  preview: string | null;
  /** False if nothing in the source can be a volume. */
  usable: boolean;
}
