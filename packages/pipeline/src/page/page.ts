/** The frame of every page: one HTML file that holds all it shows, opens anywhere, asks no server for anything and prints well. */
import { html, trusted, type Html } from "./html.js";
import { REPORT_STYLE } from "./style.js";

export interface PageSection {
  id: string;
  title: string;
  body: Html;
}

export interface Page {
  /** Of the browser's tab. */
  title: string;
  head: Html;
  /** What stands above the sections. */
  before: Html;
  sections: readonly PageSection[];
  foot: Html;
}

export function renderPage({ title, head, before, sections, foot }: Page): string {
  const links = sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`);
  const bodies = sections.map(
    ({ id, title, body }) =>
      html`<section aria-labelledby="${id}">
        <h2 id="${id}">${title}</h2>
        ${body}
      </section> `,
  );
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${trusted(policy)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${trusted(REPORT_STYLE)}
        </style>
      </head>
      <body>
        ${head}
        <nav aria-label="Contents">
          <ul>
            ${links}
          </ul>
        </nav>
        <main>${before}${bodies}</main>
        ${foot}
      </body>
    </html> `.html;
}
