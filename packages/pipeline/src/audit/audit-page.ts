/** The audit as an HTML page. */
import { readStored, type Dataset } from "../data/store.js";
import { defaultWindow } from "../data/window.js";
import { windowed } from "../page/windowed.js";
import { definitions, html, nothing, table, type Html } from "../page/html.js";
import { renderPage } from "../page/page.js";
import { greyPng } from "../page/grey-png.js";
import { formatEstimate, formatNumber } from "../page/format.js";
import type { Audit, PlacedPair } from "./audit.js";

const short = (value: number): string => String(Number(value.toPrecision(4)));
/** Rows of a table, and pictures of a section, that are shown; the JSON output has all. */
const [ROWS, PICTURES] = [50, 6];

/** @param dataset for pictures of the findings; null leaves them out */
export function auditPage(audit: Audit, dataset: Dataset | null): string {
  return renderPage({
    title: `${audit.dataset.name} – Slicestack audit`,
    head: head(audit),
    before: nothing,
    sections: [
      { id: "findings", title: "Findings", body: findings(audit) },
      { id: "balance", title: "Classes and parts", body: balance(audit) },
      { id: "acquisition", title: "Does the acquisition predict the label?", body: acquisition(audit) },
      { id: "values", title: "Do the values predict the label?", body: values(audit) },
      { id: "duplicates", title: "Duplicates", body: duplicates(audit, dataset) },
      { id: "outliers", title: "Outliers", body: outliers(audit, dataset) },
      { id: "methods", title: "Methods", body: methods() },
    ],
    foot: html`<footer><p>Made by Slicestack from the data set ${audit.dataset.name}.</p></footer>`,
  });
}

function head({ dataset, split }: Audit): Html {
  const splitText =
    split === null
      ? "none"
      : `${split.name === "" ? "train, val, test" : split.name}, by ${split.by.join(" and ")}, ${split.origin}`;
  return html`<header>
    <p class="kicker">Slicestack audit</p>
    <h1>${dataset.name}</h1>
    ${definitions([
      ["Volumes", `${dataset.volumes} of ${dataset.subjects} subjects, ${dataset.slices} slices`],
      ["Values", dataset.unit],
      ["Split", splitText],
      ["Data set hash", html`<code>${dataset.hash}</code>`],
    ])}
  </header>`;
}

function findings({ findings }: Audit): Html {
  if (findings.length === 0) return html`<p class="lede">No problems were found in this data set.</p>`;
  const words = { error: "Error", warning: "Warning", note: "Note" };
  const rows = findings.map(
    ({ severity, text }) =>
      html`<dt>${words[severity]}</dt>
        <dd>${text}</dd>`,
  );
  return html`<dl>${rows}</dl>`;
}

function balance({ balance }: Audit): Html {
  const split = balance.some(({ parts }) => parts !== null);
  const columns = ["class", "subjects", "volumes", ...(split ? ["train", "val", "test"] : [])];
  return table(
    split ? "Subjects and volumes of each class, and volumes by part" : "Subjects and volumes of each class",
    columns.map((name, k) => ({ name, count: k > 0 })),
    balance.map(({ class: name, subjects, volumes, parts }) => ({
      name,
      cells: [subjects, volumes, ...(parts === null ? [] : [parts.train, parts.val, parts.test])].map(String),
    })),
  );
}

function acquisition({ acquisition }: Audit): Html {
  if (acquisition.length === 0)
    return html`<p>The acquisition is unknown, or there are too few subjects to analyse it.</p>`;
  return html`<p>
      A logistic regression on each property alone, cross-validated by subject. 0.50 means no relation to the
      label; a model may learn a property that predicts the label instead of the disease.
    </p>
    ${table(
      "Properties of the acquisition, the most predictive first",
      [
        { name: "property" },
        { name: "values" },
        { name: "AUROC", note: "95 % interval over subjects" },
        { name: "judgement" },
      ],
      acquisition.map(({ name, values, auroc, suspicious }) => ({
        name,
        cells: [values, formatEstimate(auroc), suspicious ? "predicts the label" : "–"],
        main: suspicious,
      })),
    )}`;
}

function values({ values: { classes, auroc }, dataset: { unit } }: Audit): Html {
  const columns = ["class", "smallest", "1st percentile", "mean", "median", "99th percentile", "largest"];
  const byClass = table(
    `Values of the volumes${unit === "HU" ? " in HU" : ""}, the median of each class`,
    columns.map((name, k) => ({ name, count: k > 0 })),
    classes.map(({ class: name, least, p1, mean, p50, p99, most }) => ({
      name,
      cells: [least, p1, mean, p50, p99, most].map(short),
    })),
  );
  if (auroc.length === 0) return byClass;
  return html`${byClass}
    <p>
      A logistic regression on each number alone, cross-validated by subject. No disease changes the air
      around a person: if the smallest values predict the label, the classes were acquired or converted
      differently.
    </p>
    ${table(
      "Each number alone",
      [{ name: "number" }, { name: "AUROC", note: "95 % interval over subjects" }, { name: "judgement" }],
      auroc.map(({ name, auroc: estimate, suspicious }) => ({
        name,
        cells: [formatEstimate(estimate), suspicious ? "predicts the label" : "–"],
        main: suspicious,
      })),
    )}`;
}

function duplicates({ duplicates: { pairs, total } }: Audit, dataset: Dataset | null): Html {
  if (total === 0) return html`<p>No two volumes are identical or nearly identical.</p>`;
  const partsText = ({ parts }: PlacedPair) =>
    parts === null ? "–" : parts.map((part) => part ?? "none").join(", ");
  const rows = pairs.slice(0, ROWS).map((pair) => ({
    name: `${pair.a} = ${pair.b}`,
    cells: [
      pair.kind,
      short(pair.distance),
      short(pair.correlation),
      pair.sameSubject ? "same" : "different",
      pair.sameLabel ? "same" : "different",
      partsText(pair),
    ],
    main: pair.parts !== null && pair.parts[0] !== pair.parts[1],
  }));
  const columns = ["volumes", "kind", "distance", "correlation", "subject", "label", "parts"].map((name) => ({
    name,
  }));
  const more =
    total > rows.length
      ? html`<p class="soft">${total - rows.length} more pairs are in the JSON.</p>`
      : nothing;
  const pictures = pairs.slice(0, PICTURES).flatMap(({ a, b }) => [a, b]);
  return html`${table(`${total} pairs of volumes, the closest first`, columns, rows)}${more}${slices(dataset, pictures)}`;
}

function outliers({ outliers }: Audit, dataset: Dataset | null): Html {
  if (outliers.length === 0) return html`<p>No volume is far from the others.</p>`;
  const columns = [
    { name: "volume" },
    { name: "what" },
    { name: "value", count: true },
    { name: "median", count: true },
    { name: "deviations", count: true },
  ];
  const rows = outliers.slice(0, ROWS).map(({ id, what, value, median, deviations }) => ({
    name: id,
    cells: [what, short(value), short(median), formatNumber(deviations, 1)],
  }));
  const pictures = [...new Set(outliers.map(({ id }) => id))].slice(0, PICTURES);
  return html`${table("Outliers, the farthest first, in robust standard deviations", columns, rows)}${slices(dataset, pictures)}`;
}

/** The middle slice of each volume. */
function slices(dataset: Dataset | null, ids: readonly string[]): Html {
  if (dataset === null || ids.length === 0) return nothing;
  const { info, volumes } = dataset;
  const byId = new Map(volumes.map((volume) => [volume.id, volume]));
  const { window } = defaultWindow(dataset, volumes);
  const figures = ids.map((id) => {
    const volume = byId.get(id)!;
    const middle = Math.floor(volume.count / 2);
    const grey = windowed(readStored(dataset, volume.first + middle, 1), window);
    const source = `data:image/png;base64,${greyPng(grey, info.width, info.height).toString("base64")}`;
    return html`<figure>
      <img src="${source}" alt="Middle slice of volume ${id}" width="${info.width}" height="${info.height}" />
      <figcaption>${id}, slice ${middle + 1} of ${volume.count}</figcaption>
    </figure>`;
  });
  return html`<div class="slices">${figures}</div>`;
}

function methods(): Html {
  return html`<dl>
    <dt>Same volumes</dt>
    <dd>
      Identical: the same hash of all voxels. Nearly identical: the fingerprints, which record where the means
      of a 16 x 16 x 8 grid increase along x, y and z, have a Jaccard distance of at most 0.15, and the means
      have a correlation of at least 0.98.
    </dd>
    <dt>Acquisition</dt>
    <dd>
      Penalised logistic regression, five folds by subject, AUROC as the mean of the classes against the rest,
      interval by bootstrap over subjects. Suspicious: at least 0.65, with an interval above 0.5.
    </dd>
    <dt>Values</dt>
    <dd>
      The same regression on each number of a volume's values. Suspicious: the smallest value and the first
      percentile by the rule above, the others from an AUROC of 0.95, because disease changes them, too.
    </dd>
    <dt>Outliers</dt>
    <dd>Farther from the median than six times 1.4826 times the median absolute deviation.</dd>
  </dl>`;
}
