/** Formats numbers and tables for people: "0.81 [0.70, 0.89]", aligned columns, escaped Markdown. */
import type { Estimate } from "@slicestack/stats";
import { visible } from "./visible.js";

/** "0.81"; "–" if undefined; never "-0.00". */
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

/** The largest number of digits, to show on which side of a limit a number is. */
const MOST_DIGITS = 5;

/** A bound. Bounds of differences have enough digits to show the side of zero: "+0.004" instead of "0.00". */
export function formatBound(bound: number, format: Format): string {
  if (format !== formatSigned || bound === 0 || !Number.isFinite(bound)) return format(bound);
  let digits = 2;
  while (digits < MOST_DIGITS && Number(bound.toFixed(digits)) === 0) digits++;
  return format(bound, digits);
}

/** "0.81 [0.70, 0.89]"; "0.50 [–]" without an interval; "–" if the value is undefined. */
export function formatEstimate({ value, interval }: Estimate, format: Format = formatNumber): string {
  if (!Number.isFinite(value)) return "–";
  if (interval.method === "none") return `${format(value)} [–]`;
  return `${format(value)} [${formatBound(interval.low, format)}, ${formatBound(interval.high, format)}]`;
}

/** "< 0.001", "0.043"; "–" if there is none. A p-value below 0.05 is never shown as 0.050: "0.0496". */
export function formatP(p: number): string {
  if (!Number.isFinite(p)) return "–";
  if (p < 0.001) return "< 0.001";
  let digits = p < 0.1 ? 3 : 2;
  while (p < 0.05 && digits < MOST_DIGITS && Number(p.toFixed(digits)) >= 0.05) digits++;
  return p < 0.05 && Number(p.toFixed(digits)) >= 0.05 ? "< 0.05" : p.toFixed(digits);
}

/** Aligned columns, with a rule below the head and at the end. @param rules further rules, after this many body rows */
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
 * Text for Markdown, escaped for a cell or a line: a name cannot end its cell, start HTML or an autolink (`<` before the
 * start of a tag), or create a link (`](`).
 */
export function escapeMarkdown(text: string): string {
  return visible(text.replace(/\s*[\r\n]+\s*/g, " "))
    .replace(/[|\\]/g, (character) => `\\${character}`)
    .replace(/<(?=[A-Za-z/!?])/g, "\\<")
    .replace(/\](?=[([:])/g, "\\]");
}
