/** The report of a group: one HTML file about all members together, like that of a run. */
import type { Estimate, MetricName } from "@slicestack/stats";
import type { ModelDifference } from "../evaluate/compare/models.js";
import type { FigureGroup } from "./figures/figure.js";
import { definitions, html, nothing, table, type Html } from "../page/html.js";
import { renderPage, type PageSection } from "../page/page.js";
import type { Participants } from "./participants.js";
import type { PartCounts } from "./part-counts.js";
import type { ScoredInput } from "./report-input.js";
import { dataAndSplit, tableOne } from "./sections/data.js";
import { notesBox } from "./sections/head.js";
import { ranking } from "./sections/ranking.js";
import { pairs as allPairs } from "./sections/result.js";
import { cell, figure, figuresOf } from "./sections/shared.js";
import { CLASS_COLUMNS, classEstimates } from "./sections/errors.js";
import { subgroups } from "./sections/subgroups.js";
import { differenceName, headlineMetrics, METRIC_NAMES, modelName } from "../evaluate/metric-names.js";
import { formatEstimate, formatSigned } from "../page/format.js";
import type { ModelSummary } from "../evaluate/summary.js";
import { combinationText, memberRows, type MembersInput } from "./group-members.js";

/** `models` are on test, of all members together; baselines first. */
export interface GroupReport extends ScoredInput {
  title: string;
  /** ISO 8601 */
  created: string;
  dataset: { name: string; hash: string; attribution?: string | undefined };
  split: { seed: number; hash: string; parts: PartCounts[] };
  /** Subjects of each part, or of each fold's test part, by columns of the labels file; null if there are none. */
  participants: Participants | null;
  members: MembersInput;
  differences: ModelDifference[];
  /** The largest number of readings of a member's test part, this one included. */
  testReads: number;
  config: string;
  command: string;
  environment: Record<string, string>;
  warnings: string[];
}

export function renderGroupReport(report: GroupReport): string {
  const main = report.models.find(({ model }) => model === report.mainModel)!;
  return renderPage({
    title: `${report.title} – Slicestack report`,
    head: head(report, main),
    before: notesBox([...report.warnings, ...main.warnings]),
    sections: sectionsOf(report, main),
    foot: html`<footer>
      <p>
        Made by Slicestack on ${report.created}. Every number can be recomputed from predictions.csv beside
        this file and in the members' folders. A research result, not a medical device.
      </p>
    </footer>`,
  });
}

function sectionsOf(report: GroupReport, main: ModelSummary): PageSection[] {
  const bySubgroup = subgroups(report);
  return [
    { id: "result", title: "Result", body: result(report, main) },
    { id: "members", title: "Members", body: members(report) },
    { id: "data", title: "Data and split", body: data(report, main) },
    { id: "errors", title: "Errors by class", body: errors(report, main) },
    { id: "ranking", title: "Discrimination", body: ranking(report) },
    { id: "calibration", title: "Calibration", body: html`${figures(report, "calibration")}` },
    ...(bySubgroup === undefined ? [] : [{ id: "subgroups", title: "Subgroups", body: bySubgroup }]),
    { id: "methods", title: "How the numbers are computed", body: methods(main) },
    { id: "reproduce", title: "Reproduce this group", body: reproduce(report) },
  ];
}

function head({ title, created, dataset, members: { words } }: GroupReport, main: ModelSummary): Html {
  return html`<header>
    <p class="kicker">Slicestack report of a group · ${created.slice(0, 10)}</p>
    <h1>${title}</h1>
    <p class="lede">${words}, classes ${main.classes.join(", ")}</p>
    <p class="soft">
      Data set ${dataset.name} · tested on ${main.subjects} subjects, ${main.volumes} volumes
    </p>
  </header>`;
}

function result(report: GroupReport, main: ModelSummary): Html {
  const { models, differences, testReads } = report;
  const metrics = headlineMetrics(main);
  const columns = [{ name: "model" }, ...metrics.map((name) => ({ name: METRIC_NAMES[name] }))];
  const cells = (source: { metrics: Record<MetricName, Estimate> }, format?: (value: number) => string) =>
    metrics.map((name) => formatEstimate(source.metrics[name], format));
  const rows = models.map((summary) => ({
    name: modelName(summary.model),
    cells: cells(summary),
    main: summary === main,
  }));
  const pairs = differences.map((summary) => ({
    name: differenceName(summary),
    cells: cells(summary, formatSigned),
  }));
  const level = Math.round(100 * main.bootstrap.level);
  const reads =
    testReads <= 1
      ? "Each member's test part was read once."
      : `The test part of a member has been read up to ${testReads} times. If anything was changed after an earlier reading, these scores are too optimistic.`;
  return html`<p>${combinationText(report.members)} ${reads}</p>
    ${table(`All members together on test: estimate and ${level} % interval.`, columns, rows)}
    ${pairs.length === 0 ? nothing : table(`Paired differences on the same test subjects: estimate and ${level} % interval.`, [{ name: "difference" }, ...columns.slice(1)], pairs)}
    ${figures(report, "models")}${figures(report, "differences")}${allPairs(report)}`;
}

function members({ members: input }: GroupReport): Html {
  const { metrics, members: each, spread } = memberRows(input);
  const { model, bootstrap } = input.rows[0]!.summary;
  const caption = `${modelName(model)} of each member on its test part: estimate and ${Math.round(100 * bootstrap.level)} % interval.`;
  const row = ([name = "", ...cells]: string[], main = false) => ({ name, cells, main });
  const columns = [{ name: "member" }, ...metrics.map((metric) => ({ name: METRIC_NAMES[metric] }))];
  return html`${table(caption, columns, [...each.map((cells) => row(cells)), ...spread.map((cells) => row(cells, true))])}
    <p class="soft small">
      The SD is that of a single member, not of the mean, and it is not an interval: members share subjects,
      in training or in test. “–” means that a member has no value, for example because a class is absent from
      its test part. Each member's folder contains its report, with curves and slices.
    </p>`;
}

function data(report: GroupReport, { classes }: ModelSummary): Html {
  const { dataset, split, participants } = report;
  const caption = "Subjects and volumes of each part. No subject is in two parts of a split.";
  return html`${figures(report, "data")}
  ${dataAndSplit(dataset, split, classes, caption)}${tableOne(participants)}`;
}

function errors(report: GroupReport, main: ModelSummary): Html {
  const columns = CLASS_COLUMNS.map((name) => ({ name, count: name === "volumes" }));
  const rows = main.perClass.map((entry) => ({
    name: entry.small ? `${entry.name} *` : entry.name,
    cells: [String(entry.support), ...classEstimates(entry).map((estimate) => cell(estimate))],
  }));
  const marked = main.perClass.some(({ small }) => small);
  return html`<div class="side">${figures(report, "confusion")}</div>
    ${table(`${modelName(main.model)} by class: estimate and ${Math.round(100 * main.bootstrap.level)} % interval.`, columns, rows)}
    ${marked ? html`<p class="soft small">* few test subjects: the numbers are unreliable.</p>` : nothing}`;
}

function methods({ bootstrap: { resamples, level, seed }, volumes, subjects }: ModelSummary): Html {
  const several = volumes === subjects ? "" : " with the design effect of subjects that have several volumes";
  return html`<ul class="small">
    <li>
      A volume's probabilities are the mean over the members with the volume in the part. Each volume counts
      once, and so does each subject.
    </li>
    <li>
      Intervals have a level of ${Math.round(100 * level)} %: Wilson’s for proportions${several} and,
      combined, for the balanced accuracy, for other scores by the standard error of a bootstrap over subjects
      (${resamples} resamples, seed ${seed}), Newcombe’s for differences, which are paired.
    </li>
    <li>
      The intervals show how the scores would vary with other test subjects; mean and SD over members show how
      they vary with fold and seed. The two are not combined.
    </li>
    <li>Baselines are fitted on each member's train part, and combined like the models.</li>
  </ul>`;
}

function reproduce({ command, config, environment }: GroupReport): Html {
  return html`<h3 id="command">Command</h3>
    <pre tabindex="0" aria-labelledby="command"><code>${command}</code></pre>
    <h3 id="config">Config</h3>
    <pre tabindex="0" aria-labelledby="config"><code>${config.trimEnd()}</code></pre>
    <h3>Environment</h3>
    ${definitions(Object.entries(environment))}`;
}

const figures = (report: GroupReport, group: FigureGroup): Html[] => figuresOf(report, group).map(figure);
