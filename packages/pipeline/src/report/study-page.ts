/** The page of an ablation or a learning curve. */
import type { Figure } from "./figures/figure.js";
import { html, type Html } from "../page/html.js";
import { renderPage } from "../page/page.js";
import { notesBox } from "./sections/head.js";
import { figure as drawn } from "./sections/shared.js";
import { htmlOf, type Block } from "./render-blocks.js";

export interface StudyPage {
  /** "ablation", "learning curve" */
  kind: string;
  title: string;
  blocks: readonly Block[];
  figures: readonly Pick<Figure, "caption" | "svg">[];
}

/** One section per table. The text before the first table is the lede, and the figures follow it. */
export function studyPage({ kind, title, blocks, figures }: StudyPage): string {
  const texts = blocks.filter((block) => "text" in block);
  const notes = blocks.flatMap((block) => ("note" in block ? [block.note] : []));
  const tables = blocks.flatMap((block) => ("table" in block ? [block.table] : []));
  const commands = blocks.filter((block) => "command" in block);
  const sections = tables.map((table, k) => ({
    id: table.label,
    title: table.title,
    body: html`${htmlOf([{ table: { ...table, title: "" } }])}${k === 0 ? pictures(figures) : []}`,
  }));
  return renderPage({
    title: `${title} – Slicestack ${kind}`,
    head: html`<header>
      <p class="kicker">Slicestack ${kind}</p>
      <h1>${title}</h1>
      ${htmlOf(texts)}
    </header>`,
    before: notesBox(notes),
    sections: [...sections, { id: "reproduce", title: "Run it again", body: htmlOf(commands) }],
    foot: html`<footer><p>Made by Slicestack. A research result, not a medical device.</p></footer>`,
  });
}

const pictures = (figures: StudyPage["figures"]): Html[] =>
  figures.map((one) => drawn({ ...one, name: "study", group: "models" }));
