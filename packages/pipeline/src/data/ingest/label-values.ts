/** What the cells of a labels column mean: numbers, texts that name classes, or nothing. */
import type { Table } from "../csv.js";
import { TableError } from "../errors.js";
import { isMissing } from "../missing-value.js";
import { MOST_CLASSES } from "./paths.js";

const isNumber = (text: string): boolean =>
  text.trim() !== "" && Number.isFinite(Number(text.replace(",", ".")));

export interface LabelNumbers {
  /** null if the text is not a label. */
  of: (text: string) => number | null;
  names: ReadonlyMap<number, string>;
}

/**
 * Maps whole numbers to themselves, texts such as CT-0 to their number, and other texts to their alphabetical rank.
 * @throws TableError if two texts differ only in case, spaces, invisible characters or Unicode form: they may be one class
 */
export function labelNumbers(table: Table, column: string): LabelNumbers {
  const texts = [
    ...new Set(table.rows.map(({ values }) => values[column] ?? "").filter((text) => !isMissing(text))),
  ];
  refuseTwins(table, column, texts);
  const whole = (text: string) => {
    const number = /^\d+(\.0+)?$/.test(text) ? Number(text) : NaN;
    return number < MOST_CLASSES ? number : null;
  };
  // If one of the texts is a number, the others are mistakes, not class names. So are numbers such as -1, 0.5 and 1e3.
  if (texts.length === 0 || texts.some(isNumber)) return { of: whole, names: new Map() };
  const numbered = texts.map((text) => /^(\D*?)(\d+)$/.exec(text));
  const prefix = numbered[0]?.[1];
  if (prefix !== undefined && numbered.every((match) => match?.[1] === prefix)) {
    const entries = numbered.map((match): [number, string] => [Number(match?.[2]), match?.[0] ?? ""]);
    const byText = new Map(entries.map(([number, text]) => [text, number]));
    const isSmall = entries.every(([number]) => number < MOST_CLASSES);
    if (isSmall && new Set(byText.values()).size === texts.length)
      return { of: (text) => byText.get(text) ?? null, names: new Map(entries) };
  }
  if (texts.length > 50) return { of: whole, names: new Map() };
  const sorted = texts.sort();
  return {
    of: (text) => (sorted.includes(text) ? sorted.indexOf(text) : null),
    names: new Map(sorted.map((text, label) => [label, text])),
  };
}

function refuseTwins(table: Table, column: string, texts: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const text of texts) {
    const seenAs = text.normalize("NFKC").replaceAll(/\p{Cf}/gu, "");
    const plain = seenAs.toLowerCase().replaceAll(/\s+/g, " ").trim();
    const other = seen.get(plain);
    seen.set(plain, text);
    if (other === undefined) continue;
    const lines = (wanted: string) =>
      table.rows.filter(({ values }) => values[column] === wanted).map(({ line }) => line);
    const shown = (wanted: string) => {
      const all = lines(wanted);
      return `"${wanted}" (${all.length} rows, first in line ${all[0]})`;
    };
    throw new TableError(
      table.file,
      lines(text)[0] ?? null,
      `expected one spelling per class, found ${shown(other)} and ${shown(text)}`,
      "If they are one class, use one spelling; otherwise give them names that differ in more than case and spaces.",
    );
  }
}

/**
 * Labels far above the others: 99 for "unknown" is not a hundredth class. A label is far above the others if it follows a
 * gap of at least three numbers, and of at least as many as there are labels before it.
 * @param names of labels; a label with a name is intended
 */
export function strayLabels(labels: readonly number[], names: ReadonlyMap<number, string>): number[] {
  const sorted = [...new Set(labels)].sort((a, b) => a - b);
  const first = sorted.findIndex((label, k) => k > 0 && label - sorted[k - 1]! - 1 >= Math.max(3, k));
  return first < 0 ? [] : sorted.slice(first).filter((label) => !names.has(label));
}
