/** The report of a bundle of several models on a data set: their scores, and those of their mean. */
import type { Dataset } from "../data/store.js";
import type { TaskVolume } from "../data/task.js";
import type { Analysis } from "../evaluate/analysis/analysis.js";
import type { ModelDifference } from "../evaluate/compare/models.js";
import { differenceName, headlineMetrics, modelName } from "../evaluate/metric-names.js";
import type { ModelSummary } from "../evaluate/summary.js";
import { formatSigned } from "../page/format.js";
import { definitions, html, nothing, table, type Html } from "../page/html.js";
import { renderPage, type PageSection } from "../page/page.js";
import type { Figure, FigureGroup } from "./figures/figure.js";
import { combinationText, memberRows, type MembersInput } from "./group-members.js";
import { notesBox } from "./sections/head.js";
import { cell, columnOf, figure, figuresOf, metricTable, plural } from "./sections/shared.js";

export interface EnsembleReport {
  metrics: Pick<Analysis, "subgroups"> & {
    bundle: { file: string; sha256: string };
    test: ModelSummary[];
    differences: ModelDifference[];
  };
  members: MembersInput;
  figures: Figure[];
  dataset: Dataset;
  volumes: readonly TaskVolume[];
  notes: readonly string[];
  licence: string;
  command: string;
}

export function renderEnsembleReport(report: EnsembleReport): string {
  const { metrics, dataset, notes } = report;
  const [main] = metrics.test as [ModelSummary, ...ModelSummary[]];
  const created = new Date().toISOString();
  return renderPage({
    title: `${metrics.bundle.file} on ${dataset.info.name} – Slicestack report`,
    head: html`<header>
      <p class="kicker">Slicestack report of a bundle · ${created.slice(0, 10)}</p>
      <h1>${metrics.bundle.file} on ${dataset.info.name}</h1>
      <p class="lede">${report.members.words}, classes ${main.classes.join(", ")}</p>
      <p class="soft">Scored on ${plural(main.subjects, "subject")}, ${plural(main.volumes, "volume")}</p>
    </header>`,
    before: notesBox([...notes, ...main.warnings]),
    sections: sectionsOf(report, main),
    foot: html`<footer>
      <p>
        Made by Slicestack on ${created}. Every number can be recomputed from predictions.csv beside this
        file. A research result, not a medical device.
      </p>
    </footer>`,
  });
}

function sectionsOf(report: EnsembleReport, main: ModelSummary): PageSection[] {
  return [
    { id: "result", title: "Result", body: result(report, main) },
    { id: "models", title: "Models", body: models(report) },
    {
      id: "errors",
      title: "Errors by class",
      body: html`<div class="side">${of(report, "confusion")}</div>`,
    },
    { id: "ranking", title: "Discrimination", body: html`${of(report, "ranking")}` },
    { id: "calibration", title: "Calibration", body: calibration(report, main) },
    ...(report.metrics.subgroups.length === 0
      ? []
      : [{ id: "subgroups", title: "Subgroups", body: html`${of(report, "subgroups")}` }]),
    { id: "reproduce", title: "Reproduce this report", body: reproduce(report) },
  ];
}

const of = (report: EnsembleReport, group: FigureGroup): Html[] => figuresOf(report, group).map(figure);

function result(report: EnsembleReport, main: ModelSummary): Html {
  const { test, differences } = report.metrics;
  const metrics = headlineMetrics(main);
  const level = Math.round(100 * main.bootstrap.level);
  const rows = differences.map((one) => ({
    name: differenceName(one),
    cells: metrics.map((metric) => cell(one.metrics[metric], formatSigned)),
  }));
  const columns = [{ name: "difference" }, ...metrics.map(columnOf)];
  const shown = { models: test, mainModel: main.model };
  return html`<p>${combinationText(report.members)} As in a prediction, the largest of them decides.</p>
    ${metricTable(shown, `Estimate and ${level} % interval.`, metrics)}
    ${rows.length === 0 ? nothing : table(`Paired differences on the same subjects: estimate and ${level} % interval.`, columns, rows)}
    ${of(report, "models")}${of(report, "differences")}`;
}

function models({ members }: EnsembleReport): Html {
  const { metrics, members: each, spread } = memberRows(members);
  const row = ([name = "", ...cells]: string[], main = false) => ({ name, cells, main });
  const columns = [{ name: "model" }, ...metrics.map(columnOf)];
  const rows = [...each.map((cells) => row(cells)), ...spread.map((cells) => row(cells, true))];
  return html`${table("Each model alone.", columns, rows)}
    <p class="soft small">
      The folder of each model has its report, at the threshold and with the temperature that its evaluation
      has fitted.
    </p>`;
}

function calibration(report: EnsembleReport, main: ModelSummary): Html {
  const metrics = ["negativeLogLikelihood", "brierScore", "calibrationError"] as const;
  const caption = `Probabilities; lower is better. “${modelName("ensemble_calibrated")}” is what a prediction reports, if all models were evaluated.`;
  return html`${metricTable({ models: report.metrics.test, mainModel: main.model }, caption, metrics)}
  ${of(report, "calibration")}`;
}

function reproduce({ command, metrics, dataset, licence }: EnsembleReport): Html {
  return html`<h3 id="command">Command</h3>
    <pre tabindex="0" aria-labelledby="command"><code>${command}</code></pre>
    ${definitions([
      ["Bundle", metrics.bundle.file],
      ["SHA-256 of the bundle", html`<code>${metrics.bundle.sha256}</code>`],
      ["Licence of the weights", licence],
      ["Data set", dataset.info.name],
      ["Data set hash", html`<code>${dataset.info.hash}</code>`],
      ...(dataset.info.attribution === undefined ? [] : [["Attribution", dataset.info.attribution] as const]),
    ])}`;
}
