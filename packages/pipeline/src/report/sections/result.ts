/** The main result in a few numbers, the table of models, and what the differences show. */
import type { MetricName } from "@slicestack/stats";
import type { ModelDifference } from "../../evaluate/compare/models.js";
import { verdictOf } from "../../evaluate/compare/verdict.js";
import { html, nothing, table, type Html } from "../../page/html.js";
import type { ReportInput, ScoredInput } from "../report-input.js";
import { differenceName, headlineMetrics, modelName } from "../../evaluate/metric-names.js";
import { formatNumber, formatP, formatSigned } from "../../page/format.js";
import { bounds, capital, cell, columnOf, figure, figuresOf, mainOf, partName, plural } from "./shared.js";

export function result(input: ReportInput): Html {
  const main = mainOf(input);
  const metrics = headlineMetrics(main);
  const level = Math.round(100 * main.bootstrap.level);
  const models = input.models.map((summary) => ({
    name: modelName(summary.model),
    main: summary === main,
    cells: metrics.map((name) => cell(summary.metrics[name])),
  }));
  const differences = input.differences.map((difference) => ({
    name: differenceName(difference),
    cells: metrics.map((name) => cell(difference.metrics[name], formatSigned)),
  }));
  const columns = metrics.map(columnOf);
  return html`${keyNumbers(input)}
    ${input.differences.map((difference) => html`<p>${verdict(difference, input)}</p> `)}
    ${table(`Models on ${partName(input)}: estimate and ${level} % interval.`, [{ name: "model" }, ...columns], models)}
    ${differences.length > 0 ? table(`Paired differences on the same subjects: estimate and ${level} % interval.`, [{ name: "difference" }, ...columns], differences) : nothing}
    <p class="soft small">
      [–]: every resample has the same value, as for a constant or a perfect predictor, so there is no
      interval.
    </p>
    ${figuresOf(input, "models").map(figure)}${figuresOf(input, "differences").map(figure)}
    ${control(input)}${pairs(input)}`;
}

function keyNumbers(input: ReportInput): Html {
  const main = mainOf(input);
  const balanced = {
    name: `balanced accuracy of ${modelName(main.model)} (‘weighted’ in the paper)`,
    estimate: main.metrics.balancedAccuracy,
    format: formatNumber,
  };
  const entries = [
    balanced,
    ...input.differences.map((difference) => ({
      name: `balanced accuracy, ${differenceName(difference)}`,
      estimate: difference.metrics.balancedAccuracy,
      format: formatSigned,
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

/** "2.5D", "the 2D vote". */
function inSentence(model: string): string {
  const name = modelName(model);
  return name === model.toUpperCase() ? name : `the ${name}`;
}

/** What a paired difference in balanced accuracy does and does not show: the result of verdictOf in words. */
function verdict(difference: ModelDifference, input: ReportInput): string {
  const { value, interval } = difference.metrics.balancedAccuracy;
  const [first, second] = [inSentence(difference.first), inSentence(difference.second)];
  const subjects = plural(difference.subjects, "subject");
  const size = `${formatSigned(value)} (${Math.round(100 * interval.level)} % interval ${bounds(difference.metrics.balancedAccuracy, formatSigned)})`;
  if (interval.method === "none")
    return `${capital(first)} against ${second}: the difference in balanced accuracy is ${formatSigned(value)}, without an interval, because it is the same in every resample of these ${subjects}.`;
  const { better, missing } = verdictOf({
    difference: difference.metrics.balancedAccuracy,
    adjusted: adjustedP(difference, input),
    classes: mainOf(input).perClass,
  });
  if (better === null)
    return `${capital(first)} against ${second}: balanced accuracy differs by ${size}. The ${subjects} of ${input.dataset.name} do not show which is better: ${missing.join("; ")}.`;
  return `${capital(first)} is ${better === "first" ? "better" : "worse"} than ${second} in balanced accuracy: ${size}. The interval excludes zero, and the test, adjusted for the number of pairs, agrees.`;
}

/** The p-value of the table of all pairs, so that a difference has the same test everywhere. */
function adjustedP({ first, second, p }: ModelDifference, { analysis }: ReportInput): number {
  const pair = analysis.pairs?.pairs.find(
    (candidate) => candidate.first === first && candidate.second === second,
  );
  return pair?.metrics.balancedAccuracy?.adjusted ?? p.balancedAccuracy;
}

/** Every pair of models by a test that suits the metric, adjusted for the number of pairs. */
export function pairs({ analysis }: Pick<ScoredInput, "analysis">): Html {
  const all = analysis.pairs;
  if (all === null) return nothing;
  const names = Object.keys(all.pairs[0]?.metrics ?? {}) as MetricName[];
  const columns = [{ name: "pair" }, ...names.map((name) => ({ name: columnOf(name).name }))];
  const rows = all.pairs.map(({ first, second, metrics }) => ({
    name: `${modelName(first)} − ${modelName(second)}`,
    cells: names.map((name) => {
      const test = metrics[name]!;
      return html`${cell(test.difference, formatSigned)}
        <small class="below">${test.test}, p ${formatP(test.adjusted)}</small>`;
    }),
  }));
  const caption = `Every pair of models: difference with its interval, and the p-value adjusted by Holm’s method for ${plural(all.pairs.length, "pair")} of one metric.`;
  return html`<h3>All pairs</h3>
    ${table(caption, columns, rows)}${all.notes.map((note) => html`<p class="soft small">${note}</p>`)}`;
}

/** The result of the label-shuffle control. */
function control({ analysis }: ReportInput): Html {
  const result = analysis.control;
  if (result === null) return nothing;
  const size = `AUROC ${formatNumber(result.estimate.value)} (${bounds(result.estimate, formatNumber)})`;
  const interpretation = result.atChance
    ? "The interval contains 0.5, as it should if no true labels leak into the model."
    : "The interval excludes 0.5. It does not cover the luck of this single shuffle: a model ranks by whatever it finds, in one direction or the other. Repeat the control with other seeds; only if their mean differs from 0.5 do true labels leak into training.";
  return html`<p>
    <strong>Label-shuffle control.</strong> Trained on meaningless labels, ${inSentence(result.model)} has an
    ${size} on the true labels. ${interpretation}
  </p>`;
}
