/** Tables for LaTeX (booktabs) that fit on a page: wider or longer ones are split into several tables. */
import { visible } from "./visible.js";
import { columnGroups } from "./fit-columns.js";

/** The package that a document needs for them. */
export const LATEX_PACKAGES = "% \\usepackage{booktabs}";

export interface LatexTable {
  label: string;
  caption: string;
  columns: readonly string[];
  rows: readonly (readonly string[])[];
  /** Further rules, after this many rows. */
  rules?: readonly number[];
  /** Columns on the left that name a row, repeated in each part of a split table; default 1. */
  keys?: number;
}

/** Characters of \footnotesize on a line of the article class (345 pt), with room for the space between columns. */
const LINE = 76;
/** Space between two columns, in characters. */
const GAP = 2;
/** Rows on a page, with head and caption. */
const PAGE = 44;

/** A table, or several with the same columns of names on the left and the same label plus a letter. */
export function latexTable({ label, caption, columns, rows, rules = [], keys = 1 }: LatexTable): string {
  const names = Array.from({ length: keys }, (_, k) => k);
  const groups = columnGroups([columns, ...rows], { keys, room: LINE, gap: GAP });
  const pages = Array.from({ length: Math.max(1, Math.ceil(rows.length / PAGE)) }, (_, k) => k * PAGE);
  const parts = groups.flatMap((group) => pages.map((from) => ({ group, from })));
  return parts
    .map(({ group, from }, k) => {
      const shown = [...names, ...group];
      const line = (row: readonly string[]) =>
        `    ${afterBreak(shown.map((c) => escapeLatex(row[c] ?? "")).join(" & "))} \\\\`;
      const body = rows
        .slice(from, from + PAGE)
        .flatMap((row, r) => [...(rules.includes(from + r) && r > 0 ? ["    \\midrule"] : []), line(row)]);
      const part = parts.length > 1 ? ` (${k + 1} of ${parts.length})` : "";
      return [
        "\\begin{table}",
        "  \\centering",
        "  \\footnotesize",
        "  \\setlength{\\tabcolsep}{4pt}",
        `  \\caption{${escapeLatex(caption + part)}}`,
        `  \\label{tab:${label}${parts.length > 1 ? `-${k + 1}` : ""}}`,
        `  \\begin{tabular}{${"l".repeat(shown.length)}}`,
        "    \\toprule",
        line(columns),
        "    \\midrule",
        ...body,
        "    \\bottomrule",
        "  \\end{tabular}",
        "\\end{table}",
        "",
      ].join("\n");
    })
    .join("\n");
}

/** After the end of a row, TeX takes a star or a bracket as an argument of the line break. */
const afterBreak = (row: string): string => (/^\s*[*[]/.test(row) ? `{}${row}` : row);

const LATEX: Record<string, string> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "−": "$-$",
  "–": "--",
  "<": "$<$",
  ">": "$>$",
  "±": "$\\pm$",
  "≥": "$\\geq$",
  "≤": "$\\leq$",
  "×": "$\\times$",
  "\n": " ",
};

/** Text for LaTeX: special characters are escaped, and invisible characters are written as escapes. */
export function escapeLatex(text: string): string {
  return visible(text).replace(
    /[\\~^−–<>±≥≤×\n&%$#_{}]/g,
    (character) => LATEX[character] ?? `\\${character}`,
  );
}
