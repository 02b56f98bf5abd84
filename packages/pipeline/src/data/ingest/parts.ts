/** A column of the labels file that says which part each volume is of, as published tables have it. */
import type { Table, TableRow } from "../csv.js";
import type { LabelProblems } from "../errors.js";
import type { Part } from "../split/split.js";
import { isMissing } from "./label-values.js";
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
 * The column whose values are all names of parts, if there is one; it counts as the split that came with the data.
 * A volume without a part, where others have one, is a problem of its own.
 */
export function partsFromTable(
  table: Table,
  rows: ReadonlyMap<SourceVolume, TableRow>,
  problems: LabelProblems,
): { column: string; of: (row: TableRow) => Part | null } | null {
  const column = table.columns
    .filter((name) => PART_COLUMN.test(name))
    .find((name) => {
      const texts = table.rows.map(({ values }) => values[name] ?? "").filter((text) => !isMissing(text));
      return texts.length > 0 && texts.every((text) => partOf(text) !== null);
    });
  if (column === undefined) return null;
  const of = ({ values }: TableRow) => partOf(values[column] ?? "");
  for (const [volume, row] of rows)
    if (of(row) === null)
      problems.invalid.push(
        `${volume.path}: no part in the column ${column} in line ${row.line}; fill it in for all volumes, or rename the column to keep it as a mere note`,
      );
  return { column, of };
}
