/** The results of a study as text and tables, rendered as Markdown, for a terminal, in LaTeX and as a page. */
import { columnGroups } from "../page/fit-columns.js";
import { html, nothing, table as htmlTable, type Html } from "../page/html.js";
import { LATEX_PACKAGES, latexTable } from "../page/latex.js";
import { alignedTable, escapeMarkdown } from "../page/format.js";

export interface StudyTable {
  label: string;
  title: string;
  /** Explains the numbers, below the table or as its caption. */
  caption: string;
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

/** `note`: must be read before the numbers. */
export type Block = { text: string } | { note: string } | { table: StudyTable } | { command: string };

/** Characters on a line of a terminal; wider tables are split between columns. */
const TERMINAL = 110;

export function markdownOf(title: string, blocks: readonly Block[]): string {
  const parts = blocks.map((block) => {
    if ("text" in block) return escapeMarkdown(block.text);
    if ("note" in block) return `> ${escapeMarkdown(block.note)}`;
    if ("command" in block) return `Made by:\n\n${fence(block.command)}`;
    const { title: heading, caption, columns, rows } = block.table;
    const line = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(" | ")} |`;
    const lines = [line(columns), line(columns.map(() => "---")), ...rows.map(line)];
    return [`## ${escapeMarkdown(heading)}`, lines.join("\n"), escapeMarkdown(caption)]
      .filter(Boolean)
      .join("\n\n");
  });
  return `${[`# ${escapeMarkdown(title)}`, ...parts].join("\n\n")}\n`;
}

/** A code block whose fence does not occur in its text. */
function fence(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const marks = "`".repeat(longest + 1);
  return `${marks}\n${text}\n${marks}`;
}

export function terminalOf(title: string, blocks: readonly Block[]): string {
  const parts = blocks.map((block) => {
    if ("text" in block) return wrapped(block.text);
    if ("note" in block) return wrapped(`Note: ${block.note}`);
    if ("command" in block) return `Made by: ${block.command}`;
    const { title: heading, caption, columns, rows } = block.table;
    const all = [columns, ...rows];
    const cut = columnGroups(all, { keys: 1, room: TERMINAL, gap: 2 });
    const tables = cut.map((group) =>
      alignedTable(all.map((row) => [row[0]!, ...group.map((k) => row[k]!)])),
    );
    return [heading, ...tables, wrapped(caption)].filter((line) => line !== "").join("\n");
  });
  return [title, ...parts].join("\n\n");
}

/** Wraps lines between words. */
const wrapped = (text: string): string =>
  text.replace(new RegExp(`(?=.{${TERMINAL + 1}})(.{1,${TERMINAL}})\\s+`, "g"), "$1\n");

/** Needs \usepackage{booktabs}. */
export function latexOf(blocks: readonly Block[]): string {
  const tables = blocks.flatMap((block) => ("table" in block ? [block.table] : []));
  const set = tables.map(({ title, caption, ...rest }) =>
    latexTable({ ...rest, caption: `${title}. ${caption}` }),
  );
  return [LATEX_PACKAGES, ...set].join("\n");
}

/** The HTML of one section of a page. */
export function htmlOf(blocks: readonly Block[]): Html {
  return html`${blocks.map((block) => {
    if ("text" in block) return html`<p>${block.text}</p>`;
    if ("note" in block) return nothing; // shown above all sections
    if ("command" in block)
      return html`<pre tabindex="0" aria-label="Command"><code>${block.command}</code></pre>`;
    const { caption, title, columns, rows } = block.table;
    const body = rows.map(([name = "", ...cells]) => ({ name, cells }));
    return htmlTable(
      [title, caption].filter((part) => part !== "").join(". "),
      columns.map((name) => ({ name })),
      body,
    );
  })}`;
}
