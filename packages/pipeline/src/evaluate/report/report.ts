/**
 * The report: one HTML file that holds everything, opens anywhere, asks no server for anything and prints well.
 * This file says what a report is given and in what order it speaks; the sections are in report-sections.ts.
 */
import { ReportError } from "../errors.js";
import type { Figure } from "../figures/figure.js";
import type { Html } from "./html.js";
import { renderPage } from "./page.js";
import * as sections from "./sections.js";
import type { ModelDifference } from "../compare/models.js";
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
    attribution?: string;
  };
  split: { seed: number; hash: string; parts: PartCounts[] };
  /** test summaries in the order of the tables, baselines first */
  models: ModelSummary[];
  /** the model the report is about; "2.5d" */
  mainModel: string;
  differences: ModelDifference[];
  /** of drawFigures */
  figures: Figure[];
  examples?: ExampleSlice[];
  /** how often the test part has been scored, this time included */
  testReads: number;
  /** scored on another data set than that of training: which, in a sentence */
  external?: string;
  /** the resolved config as YAML */
  config: string;
  /** the exact command that made the run */
  command: string;
  /** names and values: versions, device, threads, system */
  environment: Record<string, string>;
  /** what a reader must know: of the split, the training, the data */
  warnings: string[];
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
    { id: "result", title: "Result", body: sections.result(input) },
    { id: "data", title: "Data and split", body: sections.data(input) },
    { id: "errors", title: "Right and wrong by class", body: sections.errors(input) },
    { id: "ranking", title: "Discrimination", body: sections.ranking(input) },
    { id: "calibration", title: "Calibration", body: sections.calibration(input) },
    { id: "training", title: "Training", body: sections.training(input) },
    { id: "slices", title: "Example slices", body: sections.examples(input) },
    { id: "methods", title: "How the numbers are computed", body: sections.methods(input) },
    { id: "reproduce", title: "Run it again", body: sections.reproduce(input) },
  ];
  const shown = parts.flatMap(({ id, title, body }) => (body === undefined ? [] : [{ id, title, body }]));
  return renderPage({
    title: `${input.title} – Slicestack report`,
    head: sections.head(input),
    before: sections.warnings(input),
    sections: shown,
    foot: sections.foot(input),
  });
}

function check({ models, mainModel, task, examples = [], split }: ReportInput): void {
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
  const foreign = examples.find(({ source }) => !/^data:image\/(png|jpeg|webp);base64,/.test(source));
  if (foreign !== undefined)
    throw new ReportError(
      `a picture must be a data: URI (png, jpeg or webp, base64), received ${foreign.source.slice(0, 60)}`,
    );
}
