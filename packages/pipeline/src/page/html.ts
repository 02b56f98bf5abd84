/** The few pieces of HTML that a report is made of. Text is escaped here, so that a class called `<b>` stays a name. */
import { escapeXml } from "./drawing.js";

/** HTML that is safe to put into a page. */
export interface Html {
  readonly html: string;
}

export const nothing: Html = { html: "" };

/** Template tag: strings and numbers are escaped, Html and lists of Html go in as they are. */
export function html(parts: TemplateStringsArray, ...values: (string | number | Html | readonly Html[])[]): Html {
  return { html: parts.reduce((text, part, i) => text + render(values[i - 1]!) + part) };
}

function render(value: string | number | Html | readonly Html[]): string {
  if (typeof value === "string" || typeof value === "number") return escapeXml(String(value));
  return "html" in value ? value.html : value.map((item) => item.html).join("");
}

/** Markup that is known to be safe: drawn by us, not by a user. */
export function trusted(markup: string): Html {
  return { html: markup };
}

export interface Column {
  name: string;
  /** a second, smaller line */
  note?: string;
  /** whole numbers, set to the right; everything else is set to the left, so that estimates stand under each other */
  count?: boolean;
}

/** A row: its name, its cells, and whether it is the one to look at. */
export interface Row {
  name: string | Html;
  cells: readonly (string | Html)[];
  main?: boolean;
}

function countClass(column: Column | undefined): Html {
  return trusted(column?.count === true ? ' class="count"' : "");
}

/** Tables of more columns set the interval below its estimate, so that they fit the page. */
const STACKED = 5;

/** A table with caption, scoped headers, and sideways scrolling (by keyboard too) where the page is narrow. */
export function table(caption: string, columns: readonly Column[], rows: readonly Row[]): Html {
  const head = columns.map(
    ({ name, note }, i) =>
      html`<th scope="col" ${countClass(columns[i])}>
        ${name}${note === undefined ? nothing : html`<small>${note}</small>`}
      </th>`,
  );
  const body = rows.map(
    ({ name, cells, main }) =>
      html`<tr${trusted(main === true ? ' class="main"' : "")}><th scope="row">${name}</th>${cells.map((cell, i) => html`<td${countClass(columns[i + 1])}>${cell}</td>`)}</tr>\n`,
  );
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0">
    <table${trusted(columns.length > STACKED ? ' class="stacked"' : "")}>
      <caption>
        <span>${caption}</span>
      </caption>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div> `;
}

/** Terms and what they are. */
export function definitions(entries: readonly (readonly [string, string | Html])[]): Html {
  return html`<dl>
    ${entries.map(
      ([term, text]) =>
        html`<dt>${term}</dt>
          <dd>${text}</dd>`,
    )}
  </dl> `;
}
