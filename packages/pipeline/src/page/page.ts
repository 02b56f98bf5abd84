/** The frame of every page: one self-contained HTML file that opens anywhere, loads nothing from a server and prints well. */
import { html, trusted, type Html } from "./html.js";
import { REPORT_STYLE } from "./style.js";

export interface PageSection {
  id: string;
  title: string;
  body: Html;
}

export interface Page {
  /** Title of the browser tab. */
  title: string;
  head: Html;
  /** Content above the sections. */
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
