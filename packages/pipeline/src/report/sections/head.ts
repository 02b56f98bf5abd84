/** The header of the report, the warnings before its numbers, and its footer. */
import { html, nothing, type Html } from "../../page/html.js";
import type { ReportInput } from "../report-input.js";
import { mainOf, plural } from "./shared.js";

export function head(input: ReportInput): Html {
  const main = mainOf(input);
  return html`<header>
    <p class="kicker">
      Slicestack evaluation report · ${input.protocol} protocol · ${input.created.slice(0, 10)}
    </p>
    <h1>${input.title}</h1>
    <p class="lede">${input.task.description}</p>
    <p class="soft">
      Data set ${input.dataset.name} · ${input.part === "test" ? "tested on" : "scored on val:"}
      ${plural(main.subjects, "subject")}, ${plural(main.volumes, "volume")}
    </p>
  </header>`;
}

export const warnings = (input: ReportInput): Html =>
  notesBox([...input.warnings, ...mainOf(input).warnings]);

/** Warnings to read before the numbers, without duplicates. */
export function notesBox(notes: readonly string[]): Html {
  const all = [...new Set(notes)];
  if (all.length === 0) return nothing;
  return html`<aside class="notes" aria-labelledby="notes">
    <h2 id="notes">Before you read the numbers</h2>
    <ul>
      ${all.map((text) => html`<li>${text}</li>`)}
    </ul>
  </aside> `;
}

export function foot(input: ReportInput): Html {
  return html`<footer>
    <p>
      Made by Slicestack on ${input.created}. Every number can be recomputed from predictions.csv beside this
      file. A research result, not a medical device.
    </p>
  </footer>`;
}
