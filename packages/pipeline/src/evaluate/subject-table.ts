/** subjects.csv of a data set, as far as an evaluation looks at it: groups of subjects, and numbers known of them. */
import { join } from "node:path";
import { readTable } from "../data/csv.js";
import { PredictionsError, RangeOfParameterError } from "./errors.js";
import { isMissing } from "../data/missing-value.js";
import { subgroupColumn, type SubgroupColumn } from "./subgroups/columns.js";

export interface SubjectTable {
  file: string;
  columns: readonly string[];
  /** By volume. */
  rows: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** Columns that are looked at without being asked for, where the labels file has them. */
const USUAL = ["site", "center", "centre", "hospital", "scanner", "manufacturer", "model", "kernel", "sex", "gender", "age"]; // prettier-ignore

/** Columns that describe subjects: those that subgroups are made of. */
export const subjectColumns = (table: SubjectTable): string[] => usualColumns(table);

/** @throws TableError */
export function readSubjectTable(directory: string): SubjectTable {
  const { file, columns, rows } = readTable(join(directory, "subjects.csv"), { guarded: true });
  return { file, columns, rows: new Map(rows.map(({ values }) => [values["id"] ?? "", values])) };
}

function usualColumns({ columns }: SubjectTable): string[] {
  return columns.filter((name) => USUAL.includes(name.toLowerCase()));
}

/**
 * The groups of a column, one a volume.
 * @throws PredictionsError where the table has no such column; RangeOfParameterError for more than 20 groups
 */
export function groupsOf(table: SubjectTable, volumes: readonly { id: string }[], name: string): SubgroupColumn {
  return subgroupColumn(name, valuesOf(table, volumes, name));
}

/**
 * The columns whose groups are scored apart: those that were asked for, else the usual ones that the table has.
 * @throws PredictionsError for a column that is missing, RangeOfParameterError for one of too many values
 */
export function subgroupColumns(
  table: SubjectTable,
  volumes: readonly { id: string }[],
  asked: readonly string[] | undefined,
): SubgroupColumn[] {
  if (asked !== undefined) return asked.map((name) => groupsOf(table, volumes, name));
  // What nobody asked for, and what has no groups to compare, is left out.
  return usualColumns(table).flatMap((name) => {
    try {
      const column = groupsOf(table, volumes, name);
      return column.groups.length > 1 ? [column] : [];
    } catch (error) {
      if (error instanceof RangeOfParameterError) return [];
      throw error;
    }
  });
}

/** volumes x columns; null where there is no value. @throws PredictionsError for a value that is no number */
export function numbersOf(
  table: SubjectTable,
  volumes: readonly { id: string }[],
  names: readonly string[],
): (number | null)[][] {
  const columns = names.map((name) =>
    valuesOf(table, volumes, name).map((text) => {
      const value = isMissing(text) ? null : Number(text);
      if (value !== null && !Number.isFinite(value))
        throw new PredictionsError(`column ${name}: expected numbers for a baseline, found "${text}"`, table.file);
      return value;
    }),
  );
  return volumes.map((_, k) => columns.map((column) => column[k]!));
}

function valuesOf({ file, columns, rows }: SubjectTable, volumes: readonly { id: string }[], name: string): string[] {
  if (!columns.includes(name)) throw new PredictionsError(`no column ${name}; it has ${columns.join(", ")}`, file);
  return volumes.map(({ id }) => rows.get(id)?.[name] ?? "");
}
