/** What a report is given: plain data, every number computed. */
import type { Evidence } from "../evaluate/analysis/failures.js";
import type { PartCounts } from "./part-counts.js";
import type { Flow } from "./figures/flow.js";
import type { Participants } from "./participants.js";
import type { Protocol } from "../evaluate/analysis/protocols.js";
import type { ModelSummary } from "../evaluate/summary.js";
import type { ModelDifference } from "../evaluate/compare/models.js";
import type { Figure } from "./figures/figure.js";
import type { Analysis } from "../evaluate/analysis/analysis.js";
import type { CostReport } from "../evaluate/cost.js";
import type { Ledger } from "../run/ledger.js";

/** A picture of a slice; `source` is a data: URI, because a report fetches nothing. */
export interface ExampleSlice {
  source: string;
  /** what a reader who sees no picture is told */
  alternative: string;
  caption: string;
}

export interface FailurePicture {
  /** A data: URI. */
  source: string;
  alternative: string;
  /** How it is to be looked at: "window −1000 to 400 HU; R: the patient's right". */
  view: string;
}

/** What a failure is shown with, beside its row. */
export interface FailureView {
  id: string;
  /** null where pictures are not wanted */
  picture: FailurePicture | null;
  evidence: Evidence | null;
}

export interface ReportInput {
  /** name of the run */
  title: string;
  /** ISO 8601 */
  created: string;
  task: { description: string; classes: string[]; ordinal: boolean };
  dataset: {
    name: string;
    hash: string;
    /** e.g. "int16, 64 x 128 x 128, HU" */
    contents: string;
    /** who made the data and under what licence, where it is not ours */
    attribution?: string | undefined;
  };
  split: { seed: number; hash: string; parts: PartCounts[] };
  /** how volumes came into the parts; null in a report that was not made by a run */
  flow: Flow | null;
  /** what the labels file says of the subjects of each part; null where it says nothing */
  participants: Participants | null;
  protocol: Protocol;
  /** the part that is scored: test, or val under the paper protocol */
  part: "val" | "test";
  /** true where the scored volumes are not of the run's own data set */
  external: boolean;
  /** what its reader should know of the other data set, or of an imported checkpoint; the first says which */
  notes: string[];
  /** summaries of that part in the order of the tables, baselines first */
  models: ModelSummary[];
  /** the model the report is about; "2.5d" */
  mainModel: string;
  differences: ModelDifference[];
  /** of drawFigures */
  figures: Figure[];
  examples?: ExampleSlice[];
  analysis: Analysis;
  /** slices of each failure by what they counted, and its montage where pictures are wanted */
  failures: FailureView[];
  /** null in a report that was not made by a run */
  cost: CostReport | null;
  /** readings of the test part, this one included */
  ledger: Ledger;
  /** the resolved config as YAML */
  config: string;
  /** the exact command that made the run */
  command: string;
  /** names and values: versions, device, threads, system */
  environment: Record<string, string>;
  /** what a reader must know: of the split, the training, the data */
  warnings: string[];
}

/** What a section about scores needs; a group's report has it too. */
export interface ScoredInput extends Pick<ReportInput, "models" | "mainModel" | "part" | "task" | "figures"> {
  analysis: Pick<Analysis, "pairs" | "curves" | "subgroups">;
}
