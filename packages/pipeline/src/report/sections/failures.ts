/** The most confident errors of the model, with the slices of largest weight. */
import { escapeXml } from "../../page/drawing.js";
import type { Evidence, Failure } from "../../evaluate/analysis/failures.js";
import { html, nothing, table, trusted, type Html } from "../../page/html.js";
import type { FailureView, ReportInput } from "../report-input.js";
import { formatNumber } from "../../page/format.js";
import { modelName } from "../../evaluate/metric-names.js";
import { capital, mainOf, partName } from "./shared.js";

export function failures(input: ReportInput): Html | undefined {
  const { failures: all } = input.analysis;
  if (all.length === 0) return undefined;
  const { classes } = input.task;
  const rows = all.map(({ id, subject, label, predicted, confidence, slices }) => ({
    name: id,
    cells: [
      subject,
      classes[label]!,
      classes[predicted]!,
      formatNumber(confidence),
      slices.length === 0 ? "–" : slices.map(({ slice }) => slice + 1).join(", "),
    ],
  }));
  const columns = [
    "volume",
    "subject",
    "true class",
    "predicted",
    "probability",
    "slices with the largest weights",
  ].map((name) => ({ name }));
  const views = new Map(input.failures.map((view) => [view.id, view]));
  const caption = `The ${all.length} most confident errors of ${modelName(mainOf(input).model)} on ${partName(input)}. Inspect them first: they may be label errors, unusual scans, or gaps in what the model has learned.`;
  return html`${table(caption, columns, rows)}
    <div class="failures">${all.map((failure) => view(failure, views.get(failure.id), classes))}</div>`;
}

function view(
  failure: Failure,
  { picture, evidence }: Partial<FailureView> = {},
  classes: readonly string[],
): Html {
  const bars = evidence == null ? nothing : evidenceBars(failure, evidence);
  if (picture == null && bars === nothing) return nothing;
  const { id, label, predicted, confidence } = failure;
  return html`<figure>
    ${picture == null ? nothing : html`<img src="${picture.source}" alt="${picture.alternative}" />`}${bars}
    <figcaption>
      ${id}: ${classes[label]!}, predicted ${classes[predicted]!} (${(100 * confidence).toFixed(0)}
      %).${picture == null ? "" : ` ${capital(picture.view)}.`}
    </figcaption>
  </figure> `;
}

const [WIDTH, HEIGHT] = [240, 44];

/** A bar for each axial slice, first to last, whose height is the weight; listed slices have another colour. */
function evidenceBars({ id, slices }: Failure, { weights, places, word = "weight" }: Evidence): Html {
  if (weights === null) return nothing;
  const axial = places.flatMap((place, k) => (place === null ? [] : [{ place, weight: weights[k] ?? 0 }]));
  const top = Math.max(...axial.map(({ weight }) => weight));
  const depth = Math.max(...axial.map(({ place }) => place)) + 1;
  if (!(top > 0)) return nothing;
  const listed = new Set(slices.map(({ slice }) => slice));
  const step = WIDTH / depth;
  const bars = axial.map(({ place, weight }) => {
    const height = Math.max(0.5, (HEIGHT * weight) / top);
    const of = listed.has(place) ? "listed" : "other";
    return `<rect class="${of}" x="${(place * step).toFixed(2)}" y="${(HEIGHT - height).toFixed(2)}" width="${(0.8 * step).toFixed(2)}" height="${height.toFixed(2)}"/>`;
  });
  const highestText = slices
    .map(({ slice, weight }) => `slice ${slice + 1} ${formatNumber(weight)}`)
    .join(", ");
  const title = `${word} of each slice of volume ${id}`;
  const description = `Bars from the first slice to the last of ${depth}; their height is the ${word}. Highest: ${highestText}.`;
  return trusted(
    `<svg class="bars" role="img" aria-label="${escapeXml(`${title}. ${description}`)}" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" preserveAspectRatio="none"><title>${escapeXml(title)}</title><desc>${escapeXml(description)}</desc>${bars.join("")}</svg>`,
  );
}
