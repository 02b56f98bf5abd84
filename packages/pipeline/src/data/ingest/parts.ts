/** Reads the column of a labels file that assigns each volume to train, val or test, as published tables do. */
import type { Table, TableRow } from "../csv.js";
import { TableError, type LabelProblems } from "../errors.js";
import type { Part } from "../split/parts.js";
import { isMissing } from "../missing-value.js";
import type { SourceVolume } from "./source.js";

/** Usual names of a column of parts. */
export const PART_COLUMN = /^(part|split|set|subset|partition|data_?split)$/i;
const WORDS: readonly [Part, RegExp][] = [
  ["train", /^(train|training)$/i],
  ["val", /^(val|valid|validation)$/i],
  ["test", /^(test|testing)$/i],
];

/** The part that a usual word for train, val or test means. */
export const partOf = (text: string): Part | null =>
  WORDS.find(([, words]) => words.test(text.trim()))?.[0] ?? null;

/**
 * The column whose values are names of parts, if there is one: the split that comes with the data.
 * @throws TableError if most of its values are names of parts and some are not: silently ignoring such a split would put
 *   published test volumes into train
 */
export function partColumnOf(table: Table): string | undefined {
  return table.columns.find((name) => PART_COLUMN.test(name) && holdsParts(table, name));
}

function holdsParts({ file, rows }: Table, column: string): boolean {
  const filled = rows.filter(({ values }) => !isMissing(values[column] ?? ""));
  const others = filled.filter(({ values }) => partOf(values[column] ?? "") === null);
  if (others.length === 0 || 2 * others.length > filled.length)
    return filled.length > 0 && others.length === 0;
  const [first] = others;
  throw new TableError(
    file,
    first!.line,
    `${column}: expected train, val or test, as in ${filled.length - others.length} other rows, found "${first!.values[column]}"` +
      (others.length > 1 ? ` and ${others.length - 1} more` : ""),
    "Write one of them, leave such volumes without a label and pass --skip-unlabelled, or rename the column to keep it as additional information.",
  );
}

/** The part of each row. A volume without a part, if others have one, is a problem. */
export function partsFromColumn(
  column: string,
  rows: ReadonlyMap<SourceVolume, TableRow>,
  problems: LabelProblems,
): (row: TableRow) => Part | null {
  const of = ({ values }: TableRow) => partOf(values[column] ?? "");
  for (const [volume, row] of rows)
    if (of(row) === null)
      problems.invalid.push(
        `${volume.path}: column ${column} has no part in line ${row.line}; fill it in for all volumes, or rename the column to keep it as additional information`,
      );
  return of;
}
