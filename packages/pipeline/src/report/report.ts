/**
 * The report: one self-contained HTML file that opens anywhere, loads nothing from a server and prints well.
 * This file defines the order of the sections; each section has a file in sections/.
 */
import { ReportError } from "./errors.js";
import type { Html } from "../page/html.js";
import { renderPage } from "../page/page.js";
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
import type { ReportInput } from "./report-input.js";

/**
 * Renders the report as one HTML document.
 * @throws ReportError if the main model has no summary, classes do not agree, or a picture is not a data: URI
 */
export function renderReport(input: ReportInput): string {
  check(input);
  const parts: { id: string; title: string; body: Html | undefined }[] = [
    { id: "result", title: "Result", body: result(input) },
    { id: "protocols", title: "Two protocols", body: protocols(input) },
    { id: "ledger", title: "Use of the test part", body: testUse(input) },
    { id: "data", title: "Data and split", body: data(input) },
    { id: "errors", title: "Errors by class", body: errors(input) },
    { id: "ranking", title: "Discrimination", body: ranking(input) },
    { id: "decisions", title: "Thresholds", body: decisions(input) },
    { id: "calibration", title: "Calibration", body: calibration(input) },
    { id: "selective", title: "When to refer to a person", body: selective(input) },
    { id: "subgroups", title: "Subgroups", body: subgroups(input) },
    { id: "failures", title: "Most confident errors", body: failures(input) },
    { id: "slices", title: "Example slices", body: about.examples(input) },
    { id: "training", title: "Training", body: about.training(input) },
    { id: "cost", title: "Cost", body: cost(input) },
    { id: "methods", title: "How the numbers are computed", body: about.methods(input) },
    { id: "reproduce", title: "Reproduce this run", body: about.reproduce(input) },
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
    throw new ReportError(
      `the summary of the main model ${mainModel} is missing; received ${models.map((m) => m.model).join(", ")}`,
    );
  for (const { model, classes } of models)
    if (classes.join("\n") !== task.classes.join("\n"))
      throw new ReportError(
        `${model} was scored on classes ${classes.join(", ")}, but the task has ${task.classes.join(", ")}`,
      );
  for (const { part, byClass } of split.parts)
    if (byClass.length !== task.classes.length)
      throw new ReportError(
        `counts of ${part}: expected ${task.classes.length} classes, received ${byClass.length}`,
      );
  const sources = [...examples, ...failed.flatMap(({ picture }) => (picture === null ? [] : [picture]))];
  const foreign = sources.find(({ source }) => !/^data:image\/(png|jpeg|webp);base64,/.test(source));
  if (foreign !== undefined)
    throw new ReportError(
      `expected a picture as a data: URI (png, jpeg or webp, base64), received ${foreign.source.slice(0, 60)}`,
    );
}
