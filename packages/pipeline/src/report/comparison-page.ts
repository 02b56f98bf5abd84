/** The page of a comparison. */
import type { RunComparison } from "../evaluate/compare/comparison.js";
import type { Figure } from "./figures/figure.js";
import { comparisonTable, foldTable } from "./comparison-tables.js";
import { html, table } from "../page/html.js";
import { renderPage, type PageSection } from "../page/page.js";
import { cell, figure as drawn } from "./sections/shared.js";
import { formatP, formatSigned } from "../page/format.js";

export function comparisonPage(comparison: RunComparison, figure: Figure, command: string): string {
  const { runs, notes, pairs, classes } = comparison;
  const { columns, metrics } = comparisonTable(comparison);
  const title = `${runs.map(({ name }) => name).join(", ")}: compared`;
  const rows = [
    ...comparison.summaries.map(({ model, metrics: values }) => ({
      name: model,
      cells: metrics.map((name) => cell(values[name])),
    })),
    ...pairs.pairs.map(({ first, second, metrics: values }) => ({
      name: `${first} − ${second}`,
      cells: metrics.map((name) => {
        const { difference, test, adjusted } = values[name]!;
        return html`${cell(difference, formatSigned)}
          <small class="below">${test}, p ${formatP(adjusted)}</small>`;
      }),
    })),
  ];
  const caption = `Runs, then the difference of every pair with its p-value (Holm): estimate and interval on ${pairs.subjects} test subjects, ${pairs.volumes} volumes.`;
  const byFold = foldTable(comparison);
  const folders = runs.map(({ name, folder, model }) => ({
    name,
    cells: [model, html`<code>${folder}</code>`],
  }));
  return renderPage({
    title: `${title} – Slicestack`,
    head: html`<header>
      <p class="kicker">Slicestack comparison of runs</p>
      <h1>${title}</h1>
      <p class="soft">Classes ${classes.join(", ")}</p>
    </header>`,
    before: html`<aside class="notes" aria-labelledby="notes">
      <h2 id="notes">Before you read the numbers</h2>
      <ul>
        ${notes.map((note) => html`<li>${note}</li>`)}
      </ul>
    </aside> `,
    sections: [
      {
        id: "scores",
        title: "Scores and differences",
        body: table(
          caption,
          columns.map((name) => ({ name })),
          rows,
        ),
      },
      ...(byFold === null ? [] : [foldSection(byFold)]),
      { id: "plot", title: "Forest plot", body: drawn(figure) },
      {
        id: "runs",
        title: "What was compared",
        body: html`${table("Runs and their models.", [{ name: "run" }, { name: "model" }, { name: "folder" }], folders)}
          <h3 id="command">Command</h3>
          <pre tabindex="0" aria-labelledby="command"><code>${command}</code></pre>`,
      },
    ],
    foot: html`<footer><p>Made by Slicestack. A research result, not a medical device.</p></footer>`,
  });
}

function foldSection({ caption, columns, rows }: NonNullable<ReturnType<typeof foldTable>>): PageSection {
  const body = rows.map(([name = "", ...cells]) => ({ name, cells }));
  return {
    id: "folds",
    title: "Fold by fold",
    body: table(
      caption,
      columns.map((column) => ({ name: column })),
      body,
    ),
  };
}
