/** Numbers and tables as people read them: "0.81 [0.70, 0.89]", aligned columns, text that stays text in Markdown. */
import type { Estimate } from "@slicestack/stats";
import { visible } from "./visible.js";

/** "0.81"; "–" where undefined; never "-0.00". */
export function formatNumber(value: number, digits = 2): string {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** "+0.05", "−0.03", "0.00". */
export function formatSigned(value: number, digits = 2): string {
  const text = formatNumber(value, digits);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

export type Format = (value: number, digits?: number) => string;

/** Digits of a number that must not look like another: one that shows on which side of a limit it lies. */
const MOST_DIGITS = 5;

/** A bound; of a difference with as many digits as say on which side of zero it lies: "+0.004", where "0.00" would hide it. */
export function formatBound(bound: number, format: Format): string {
  if (format !== formatSigned || bound === 0 || !Number.isFinite(bound)) return format(bound);
  let digits = 2;
  while (digits < MOST_DIGITS && Number(bound.toFixed(digits)) === 0) digits++;
  return format(bound, digits);
}

/** "0.81 [0.70, 0.89]"; "0.50 [–]" where there is no interval; "–" where the value is undefined. */
export function formatEstimate({ value, interval }: Estimate, format: Format = formatNumber): string {
  if (!Number.isFinite(value)) return "–";
  if (interval.method === "none") return `${format(value)} [–]`;
  return `${format(value)} [${formatBound(interval.low, format)}, ${formatBound(interval.high, format)}]`;
}

/** "< 0.001", "0.043"; "–" where there is none. What is below 0.05 never reads 0.050: "0.0496". */
export function formatP(p: number): string {
  if (!Number.isFinite(p)) return "–";
  if (p < 0.001) return "< 0.001";
  let digits = p < 0.1 ? 3 : 2;
  while (p < 0.05 && digits < MOST_DIGITS && Number(p.toFixed(digits)) >= 0.05) digits++;
  return p < 0.05 && Number(p.toFixed(digits)) >= 0.05 ? "< 0.05" : p.toFixed(digits);
}

/** Columns set under each other, a rule below the head and at the foot. @param rules further ones, after so many rows of the body */
export function alignedTable(rows: readonly (readonly string[])[], rules: readonly number[] = []): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("──");
  const body = rows.slice(1).flatMap((row, k) => (rules.includes(k) ? [rule, line(row)] : [line(row)]));
  return [line(rows[0]!), rule, ...body, rule].join("\n");
}

/**
 * Text for Markdown, in a cell or a line: it stays text. A name cannot end its cell, start HTML or an autolink (`<` before
 * what begins a tag), or make a link (`](`).
 */
export function escapeMarkdown(text: string): string {
  return visible(text.replace(/\s*[\r\n]+\s*/g, " "))
    .replace(/[|\\]/g, (character) => `\\${character}`)
    .replace(/<(?=[A-Za-z/!?])/g, "\\<")
    .replace(/\](?=[([:])/g, "\\]");
}
