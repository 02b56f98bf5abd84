/** A column of the labels file that says which part each volume is of, as published tables have it. */
import type { Table, TableRow } from "../csv.js";
import { TableError, type LabelProblems } from "../errors.js";
import type { Part } from "../split/parts.js";
import { isMissing } from "../missing-value.js";
import type { SourceVolume } from "./source.js";

/** Usual names of a column that says the part. */
export const PART_COLUMN = /^(part|split|set|subset|partition|data_?split)$/i;
const WORDS: readonly [Part, RegExp][] = [
  ["train", /^(train|training)$/i],
  ["val", /^(val|valid|validation)$/i],
  ["test", /^(test|testing)$/i],
];

/** train, val or test, in the words that are usual. */
export const partOf = (text: string): Part | null => WORDS.find(([, words]) => words.test(text.trim()))?.[0] ?? null;

/**
 * The column whose values are names of parts, if there is one: the split that came with the data.
 * @throws TableError where most of its values are names of parts and some are not: a split that is passed over in silence
 *   would put published test volumes into train
 */
export function partColumnOf(table: Table): string | undefined {
  return table.columns.find((name) => PART_COLUMN.test(name) && holdsParts(table, name));
}

function holdsParts({ file, rows }: Table, column: string): boolean {
  const filled = rows.filter(({ values }) => !isMissing(values[column] ?? ""));
  const others = filled.filter(({ values }) => partOf(values[column] ?? "") === null);
  if (others.length === 0 || 2 * others.length > filled.length) return filled.length > 0 && others.length === 0;
  const [first] = others;
  throw new TableError(
    file,
    first!.line,
    `${column}: expected train, val or test, as ${filled.length - others.length} other rows have it, found "${first!.values[column]}"` +
      (others.length > 1 ? ` and ${others.length - 1} more` : ""),
    "Write one of them, leave such volumes without a label and pass --skip-unlabelled, or rename the column to keep it as a mere note.",
  );
}

/** The part of each row. A volume without one, where others have one, is a problem of its own. */
export function partsFromColumn(
  column: string,
  rows: ReadonlyMap<SourceVolume, TableRow>,
  problems: LabelProblems,
): (row: TableRow) => Part | null {
  const of = ({ values }: TableRow) => partOf(values[column] ?? "");
  for (const [volume, row] of rows)
    if (of(row) === null)
      problems.invalid.push(
        `${volume.path}: no part in the column ${column} in line ${row.line}; fill it in for all volumes, or rename the column to keep it as a mere note`,
      );
  return of;
}
