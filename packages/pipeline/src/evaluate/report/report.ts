/**
 * The report: one HTML file that holds everything, opens anywhere, asks no server for anything and prints well.
 * This file says what a report is given and in what order it speaks; each section has its file in sections/.
 */
import { ReportError } from "./errors.js";
import type { Figure } from "../figures/figure.js";
import type { Flow } from "../figures/flow.js";
import type { Html } from "./html.js";
import { renderPage } from "./page.js";
import type { Participants } from "./participants.js";
import * as about from "./sections/about.js";
import { calibration } from "./sections/calibration.js";
import { cost } from "./sections/cost.js";
import { data, testUse } from "./sections/data.js";
import { decisions } from "./sections/decisions.js";
import { errors } from "./sections/errors.js";
import { failures } from "./sections/failures.js";
import { foot, head, warnings } from "./sections/head.js";
import { protocols } from "./sections/protocols.js";
import { ranking } from "./sections/ranking.js";
import { result } from "./sections/result.js";
import { selective } from "./sections/selective.js";
import { subgroups } from "./sections/subgroups.js";
import type { Ledger } from "../../run/ledger.js";
import type { Analysis } from "../analysis/analysis.js";
import type { Evidence } from "../analysis/failures.js";
import type { Protocol } from "../analysis/protocols.js";
import type { ModelDifference } from "../compare/models.js";
import type { CostReport } from "../cost.js";
import type { ModelSummary } from "../summary.js";

/** Subjects and volumes of one part of the split. */
export interface PartCounts {
  part: string;
  subjects: number;
  volumes: number;
  /** one entry a class; a subject with volumes of two classes counts in both */
  byClass: { subjects: number; volumes: number }[];
}

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

/** Counts a part of the split by class. @param rows one entry a volume, label 0..C-1 */
export function countPart(
  part: string,
  rows: readonly { subject: string; label: number }[],
  classes: number,
): PartCounts {
  const subjectsOf = (some: readonly { subject: string }[]) => new Set(some.map(({ subject }) => subject)).size;
  const byClass = Array.from({ length: classes }, (_, c) => {
    const own = rows.filter(({ label }) => label === c);
    return { subjects: subjectsOf(own), volumes: own.length };
  });
  return { part, subjects: subjectsOf(rows), volumes: rows.length, byClass };
}

/**
 * Renders the report as one HTML document.
 * @throws ReportError where the main model has no summary, classes do not agree, or a picture is not a data: URI
 */
export function renderReport(input: ReportInput): string {
  check(input);
  const parts: { id: string; title: string; body: Html | undefined }[] = [
    { id: "result", title: "Result", body: result(input) },
    { id: "protocols", title: "Two protocols", body: protocols(input) },
    { id: "ledger", title: "Use of the test part", body: testUse(input) },
    { id: "data", title: "Data and split", body: data(input) },
    { id: "errors", title: "Right and wrong by class", body: errors(input) },
    { id: "ranking", title: "Discrimination", body: ranking(input) },
    { id: "decisions", title: "Thresholds", body: decisions(input) },
    { id: "calibration", title: "Calibration", body: calibration(input) },
    { id: "selective", title: "When to hand over to a person", body: selective(input) },
    { id: "subgroups", title: "Subgroups", body: subgroups(input) },
    { id: "failures", title: "Most confident errors", body: failures(input) },
    { id: "slices", title: "Example slices", body: about.examples(input) },
    { id: "training", title: "Training", body: about.training(input) },
    { id: "cost", title: "Cost", body: cost(input) },
    { id: "methods", title: "How the numbers are computed", body: about.methods(input) },
    { id: "reproduce", title: "Run it again", body: about.reproduce(input) },
  ];
  const shown = parts.flatMap(({ id, title, body }) => (body === undefined ? [] : [{ id, title, body }]));
  return renderPage({
    title: `${input.title} – Slicestack report`,
    head: head(input),
    before: warnings(input),
    sections: shown,
    foot: foot(input),
  });
}

function check({ models, mainModel, task, examples = [], failures: failed, split }: ReportInput): void {
  if (!models.some(({ model }) => model === mainModel))
    throw new ReportError(`no summary of the main model ${mainModel}; given: ${models.map((m) => m.model).join(", ")}`);
  for (const { model, classes } of models)
    if (classes.join("\n") !== task.classes.join("\n"))
      throw new ReportError(
        `${model} was scored on classes ${classes.join(", ")}, the task has ${task.classes.join(", ")}`,
      );
  for (const { part, byClass } of split.parts)
    if (byClass.length !== task.classes.length)
      throw new ReportError(`counts of ${part}: expected ${task.classes.length} classes, received ${byClass.length}`);
  const sources = [...examples, ...failed.flatMap(({ picture }) => (picture === null ? [] : [picture]))];
  const foreign = sources.find(({ source }) => !/^data:image\/(png|jpeg|webp);base64,/.test(source));
  if (foreign !== undefined)
    throw new ReportError(
      `a picture must be a data: URI (png, jpeg or webp, base64), received ${foreign.source.slice(0, 60)}`,
    );
}
