/** The sections of the report. Each returns its HTML, or undefined where there is nothing to say. */
import type { Figure, FigureGroup } from "../figures/figure.js";
import { definitions, html, nothing, table, trusted, type Column, type Html } from "./html.js";
import { SMALL_SUPPORT } from "../metrics/confusion.js";
import type { ReportInput } from "./report.js";
import type { MetricName } from "../metrics/scorer.js";
import type { Estimate } from "../statistics/interval.js";
import type { ModelDifference } from "../compare/models.js";
import type { ModelSummary } from "../summary.js";
import * as words from "./tables.js";

function mainOf({ models, mainModel }: ReportInput): ModelSummary {
  return models.find(({ model }) => model === mainModel)!;
}

function figuresOf(input: ReportInput, group: FigureGroup): Figure[] {
  return input.figures.filter((figure) => figure.group === group);
}

function figure({ svg, caption }: Figure): Html {
  return html`<figure>
    ${trusted(svg)}
    <figcaption>${caption}</figcaption>
  </figure> `;
}

/** "0.81" with its interval in smaller type. */
function cell({ value, interval }: Estimate, format: (value: number) => string = words.formatNumber): Html {
  if (!Number.isFinite(value)) return html`–`;
  const bounds = interval.method === "none" ? "–" : `${format(interval.low)}, ${format(interval.high)}`;
  return html`${format(value)} <small>[${bounds}]</small>`;
}

function columnOf(name: MetricName): Column {
  if (name === "accuracy") return { name: "accuracy", note: "‘unweighted’ in the paper" };
  if (name === "balancedAccuracy") return { name: "balanced accuracy", note: "‘weighted’ in the paper" };
  if (name === "quadraticKappa") return { name: "quadratic-weighted kappa" };
  return { name: words.METRIC_NAMES[name] };
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export function head(input: ReportInput): Html {
  const main = mainOf(input);
  return html`<header>
    <p class="kicker">Slicestack evaluation report · ${input.created.slice(0, 10)}</p>
    <h1>${input.title}</h1>
    <p class="lede">${input.task.description}</p>
    <p class="soft">
      Data set ${input.dataset.name} · tested on ${plural(main.subjects, "subject")}, ${plural(main.volumes, "volume")}
      · classes ${input.task.classes.join(", ")}
    </p>
  </header>`;
}

export function warnings(input: ReportInput): Html {
  const all = [...new Set([...input.warnings, ...mainOf(input).warnings])];
  if (all.length === 0) return nothing;
  return html`<aside class="notes" aria-labelledby="notes">
    <h2 id="notes">Before you read the numbers</h2>
    <ul>
      ${all.map((text) => html`<li>${text}</li>`)}
    </ul>
  </aside> `;
}

export function result(input: ReportInput): Html {
  const main = mainOf(input);
  const metrics = words.headlineMetrics(main);
  const level = Math.round(100 * main.bootstrap.level);
  const models = input.models.map((summary) => ({
    name: words.modelName(summary.model),
    main: summary === main,
    cells: metrics.map((name) => cell(summary.metrics[name])),
  }));
  const differences = input.differences.map((difference) => ({
    name: words.differenceName(difference),
    cells: metrics.map((name) => cell(difference.metrics[name], words.formatSigned)),
  }));
  const columns = metrics.map(columnOf);
  return html`${keyNumbers(input)} ${input.differences.map((difference) => html`<p>${verdict(difference, input)}</p> `)}
    <p>${testUse(input)}</p>
    ${table(`Models on the test part: estimate and ${level} % interval.`, [{ name: "model" }, ...columns], models)}
    ${differences.length > 0 ? table(`Paired differences on the same test subjects: estimate and ${level} % interval.`, [{ name: "difference" }, ...columns], differences) : nothing}
    <p class="soft small">
      [–]: every resample has the same value, as for a constant or a perfect predictor, so there is no interval to give.
    </p>
    ${figuresOf(input, "models").map(figure)}${figuresOf(input, "differences").map(figure)}`;
}

function keyNumbers(input: ReportInput): Html {
  const main = mainOf(input);
  const balanced = {
    name: `balanced accuracy of ${words.modelName(main.model)} (‘weighted’ in the paper)`,
    estimate: main.metrics.balancedAccuracy,
    format: words.formatNumber,
  };
  const entries = [
    balanced,
    ...input.differences.map((difference) => ({
      name: `balanced accuracy, ${words.differenceName(difference)}`,
      estimate: difference.metrics.balancedAccuracy,
      format: words.formatSigned,
    })),
  ];
  return html`<dl class="key">
    ${entries.map(
      ({ name, estimate, format }) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${format(estimate.value)} <span class="interval">${bounds(estimate, format)}</span></dd>
        </div>`,
    )}
  </dl>`;
}

function bounds({ interval }: Estimate, format: (value: number) => string): string {
  if (interval.method === "none") return "no interval";
  return `${format(interval.low)} to ${format(interval.high)}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** "2.5D", "the 2D vote". */
function inSentence(model: string): string {
  const name = words.modelName(model);
  return name === model.toUpperCase() ? name : `the ${name}`;
}

/** What a paired difference in balanced accuracy does and does not show. */
function verdict(difference: ModelDifference, input: ReportInput): string {
  const { value, interval } = difference.metrics.balancedAccuracy;
  const [first, second] = [inSentence(difference.first), inSentence(difference.second)];
  const subjects = plural(difference.subjects, "subject");
  const size = `${words.formatSigned(value)} (${Math.round(100 * interval.level)} % interval ${bounds(difference.metrics.balancedAccuracy, words.formatSigned)})`;
  if (interval.method === "none")
    return `${capital(first)} against ${second}: the difference in balanced accuracy is ${words.formatSigned(value)}, without an interval, because it is the same in every resample of these ${subjects}.`;
  if (interval.low > 0)
    return `${capital(first)} is better than ${second} in balanced accuracy by ${size}. The interval lies above zero.`;
  if (interval.high < 0)
    return `${capital(first)} is worse than ${second} in balanced accuracy: ${size}. The interval lies below zero.`;
  return `${capital(first)} against ${second}: balanced accuracy differs by ${size}. The interval includes zero, so ${subjects} of ${input.dataset.name} do not show which is better.`;
}

function testUse({ testReads, external }: ReportInput): string {
  if (external !== undefined) return external;
  if (testReads <= 1)
    return "The test part was read once, after every choice (best epoch, thresholds, hyperparameters) was made on the validation part.";
  return `The test part has been read ${testReads} times. If anything was changed after an earlier reading, these scores are too good: confirm them on new data.`;
}

export function data(input: ReportInput): Html {
  const { dataset, split, task } = input;
  const columns = [
    { name: "part" },
    { name: "subjects", count: true },
    { name: "volumes", count: true },
    ...task.classes.map((name) => ({ name, note: "subjects / volumes", count: true })),
  ];
  const rows = split.parts.map(({ part, subjects, volumes, byClass }) => ({
    name: part,
    cells: [String(subjects), String(volumes), ...byClass.map((count) => `${count.subjects} / ${count.volumes}`)],
  }));
  return html`${table("Subjects and volumes of each part. No subject is in two parts.", columns, rows)}
  ${definitions([
    ["Data set", dataset.name],
    ["Contents", dataset.contents],
    ["Data set hash", html`<code>${dataset.hash}</code>`],
    ["Split", `by subject, seed ${split.seed}`],
    ["Split hash", html`<code>${split.hash}</code>`],
    ...(dataset.attribution === undefined ? [] : [["Attribution", dataset.attribution] as const]),
  ])}`;
}

export function errors(input: ReportInput): Html {
  const main = mainOf(input);
  const columns = ["class", "volumes", "precision", "recall", "F1", "AUROC, against the rest"].map((name) => ({
    name,
    count: name === "volumes",
  }));
  const rows = main.perClass.map((entry) => ({
    name: entry.small ? `${entry.name} *` : entry.name,
    cells: [
      String(entry.support),
      ...[entry.precision, entry.recall, entry.f1, entry.auroc].map((value) => cell(value)),
    ],
  }));
  const marked = main.perClass.some(({ small }) => small);
  const matrices = figuresOf(input, "confusion");
  return html`<p>Volumes by true and predicted class; below each count its share of the true class.</p>
    <div class="side${input.task.classes.length === 2 && matrices.length > 2 ? " three" : ""}">
      ${matrices.map(figure)}
    </div>
    ${table(`${words.modelName(main.model)} by class: estimate and ${Math.round(100 * main.bootstrap.level)} % interval.`, columns, rows)}
    ${marked ? html`<p class="soft small">* fewer than ${SMALL_SUPPORT} test volumes: read as an anecdote.</p> ` : nothing}${agreement(input)}`;
}

/** Further figures of decisions: agreement for all, errors in grades where the classes are ordered. */
function agreement(input: ReportInput): Html {
  const ordinal: MetricName[] = input.task.ordinal ? ["meanAbsoluteError", "offByOneAccuracy"] : [];
  return metricTable(input, "Agreement with the truth beyond the first table.", ["matthews", "cohenKappa", ...ordinal]);
}

function metricTable(input: ReportInput, caption: string, metrics: readonly MetricName[]): Html {
  const main = mainOf(input);
  const rows = input.models.map((summary) => ({
    name: words.modelName(summary.model),
    main: summary === main,
    cells: metrics.map((name) =>
      name === "calibrationError" ? words.formatNumber(summary.metrics[name].value) : cell(summary.metrics[name]),
    ),
  }));
  return table(caption, [{ name: "model" }, ...metrics.map(columnOf)], rows);
}

export function ranking(input: ReportInput): Html {
  const main = mainOf(input);
  const figures = figuresOf(input, "ranking").map(figure);
  if (main.baseRate === null) return html`${figures}`;
  const positive = input.task.classes[1]!;
  const caption = `Positive class ${positive}, base rate ${words.formatNumber(main.baseRate)}: the AUPRC of a random score. Predictive values hold for this base rate only.`;
  return html`${figures}${metricTable(input, caption, ["auroc", "auprc", "sensitivity", "specificity"])}${metricTable(input, `Predictive values at the decision threshold 0.5.`, ["ppv", "npv"])}`;
}

export function calibration(input: ReportInput): Html {
  const bins = mainOf(input).reliability.length;
  const caption = `Probabilities on the test part, lower is better. The calibration error uses ${plural(bins, "bin")} of equal mass and has no interval, because its bootstrap is biased.`;
  return html`${metricTable(input, caption, ["negativeLogLikelihood", "brierScore", "calibrationError"])}
    <p class="soft small">No temperature was fitted: these are the probabilities as the models give them.</p>
    ${figuresOf(input, "calibration").map(figure)}`;
}

export function training(input: ReportInput): Html | undefined {
  const figures = figuresOf(input, "training");
  return figures.length === 0 ? undefined : html`${figures.map(figure)}`;
}

export function examples({ examples: slices = [] }: ReportInput): Html | undefined {
  if (slices.length === 0) return undefined;
  const pictures = slices.map(
    ({ source, alternative, caption }) =>
      html`<figure>
        <img src="${source}" alt="${alternative}" />
        <figcaption>${caption}</figcaption>
      </figure> `,
  );
  return html`<div class="slices">${pictures}</div> `;
}

export function methods(input: ReportInput): Html {
  const main = mainOf(input);
  const { resamples, level, seed } = main.bootstrap;
  const proportion =
    main.volumes === main.subjects
      ? "Proportions (accuracy, recall, precision and their kin) have Wilson intervals"
      : "Subjects have several volumes, so proportions too have bootstrap intervals, or Wilson’s with the subjects as trials where all or none are right";
  return html`<ul class="small">
    <li>
      Balanced accuracy is the mean recall over the classes present; the paper calls it ‘weighted’ accuracy. Plain
      accuracy is the share of volumes classified correctly; the paper calls it ‘unweighted’.
    </li>
    <li>
      Macro F1 is the mean F1 over the classes that occur among labels or predictions. AUROC counts ties
      half${main.classes.length > 2 ? " and is the mean over classes against the rest" : ""}.
    </li>
    <li>
      The unit is the subject, never the slice. ${proportion}; all else has ${Math.round(100 * level)} % BCa intervals
      of a bootstrap over subjects, stratified by label (${resamples} resamples, seed ${seed}), or percentile intervals
      where BCa is undefined. Differences are paired: both models are scored on the same resamples.
    </li>
    <li>
      Intervals tell how the score would vary with other test subjects. They leave out how it varies with another
      training seed or split.
    </li>
    <li>
      ‘Majority class’ always predicts the commonest training class; the ‘shortcut baseline’ is a logistic regression on
      a few crude numbers (mean lung HU where there is one, slice count, spacing). A model that does not beat both has
      learnt nothing of use.
    </li>
  </ul> `;
}

export function reproduce(input: ReportInput): Html {
  return html`<h3 id="command">Command</h3>
    <pre tabindex="0" aria-labelledby="command"><code>${input.command}</code></pre>
    <h3 id="config">Config</h3>
    <pre tabindex="0" aria-labelledby="config"><code>${input.config.trimEnd()}</code></pre>
    <h3>Environment</h3>
    ${definitions(Object.entries(input.environment))}`;
}

export function foot(input: ReportInput): Html {
  return html`<footer>
    <p>
      Made by Slicestack on ${input.created}. Every number can be computed again from predictions.csv beside this file.
      A research result, not a medical device.
    </p>
  </footer>`;
}
