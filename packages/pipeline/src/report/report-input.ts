/** The input of a report: plain data with all numbers computed. */
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

/** A picture of a slice; `source` is a data: URI, because a report loads no other files. */
export interface ExampleSlice {
  source: string;
  /** text for readers who do not see the picture */
  alternative: string;
  caption: string;
}

export interface FailurePicture {
  /** A data: URI. */
  source: string;
  alternative: string;
  /** How to read it: "window −1000 to 400 HU; R: the patient's right". */
  view: string;
}

/** What is shown of a failure beside its row. */
export interface FailureView {
  id: string;
  /** null if pictures are not wanted */
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
    /** author and licence of the data */
    attribution?: string | undefined;
  };
  split: { seed: number; hash: string; parts: PartCounts[] };
  /** flow of volumes into the parts; null in a report that was not made from a run */
  flow: Flow | null;
  /** subjects of each part by columns of the labels file; null if there are none */
  participants: Participants | null;
  protocol: Protocol;
  /** the part that is scored: test, or val under the paper protocol */
  part: "val" | "test";
  /** true if the scored volumes are from another data set than the run's */
  external: boolean;
  /** notes on the other data set or on an imported checkpoint; the first one names it */
  notes: string[];
  /** summaries of that part in the order of the tables, baselines first */
  models: ModelSummary[];
  /** the main model of the report, such as "2.5d" */
  mainModel: string;
  differences: ModelDifference[];
  /** of drawFigures */
  figures: Figure[];
  examples?: ExampleSlice[];
  analysis: Analysis;
  /** slice weights of each failure, and its montage if pictures are wanted */
  failures: FailureView[];
  /** null in a report that was not made from a run */
  cost: CostReport | null;
  /** readings of the test part, this one included */
  ledger: Ledger;
  /** the resolved config as YAML */
  config: string;
  /** the exact command that made the run */
  command: string;
  /** names and values: versions, device, threads, system */
  environment: Record<string, string>;
  /** warnings on the split, the training and the data */
  warnings: string[];
}

/** The input of sections about scores; the report of a group has it, too. */
export interface ScoredInput extends Pick<ReportInput, "models" | "mainModel" | "part" | "task" | "figures"> {
  analysis: Pick<Analysis, "pairs" | "curves" | "subgroups">;
}
