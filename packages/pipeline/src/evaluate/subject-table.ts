/** The parts of subjects.csv that an evaluation uses: groups of subjects, and numbers of them. */
import { join } from "node:path";
import { PredictionsError, RangeOfParameterError } from "@slicestack/stats";
import { readTable } from "../data/csv.js";
import { isMissing } from "../data/missing-value.js";
import { subgroupColumn, type SubgroupColumn } from "./subgroups/columns.js";

export interface SubjectTable {
  file: string;
  columns: readonly string[];
  /** By volume. */
  rows: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** Columns that are used by default if the labels file has them, by their names without punctuation and spaces. */
const USUAL =
  /^(patients?|subjects?)?(site|center|centre|hospital|institution|scanner|manufacturer|model|kernel|sex|gender|age)(id|name|years?|atscan)?$/;

/** Columns that describe subjects, by which subgroups are formed. */
export const subjectColumns = (table: SubjectTable): string[] => usualColumns(table);

/** @throws TableError */
export function readSubjectTable(directory: string): SubjectTable {
  const { file, columns, rows } = readTable(join(directory, "subjects.csv"), { guarded: true });
  return { file, columns, rows: new Map(rows.map(({ values }) => [values["id"] ?? "", values])) };
}

function usualColumns({ columns }: SubjectTable): string[] {
  return columns.filter((name) => USUAL.test(name.toLowerCase().replaceAll(/[^a-z]/g, "")));
}

/**
 * The groups of a column, one per volume.
 * @throws PredictionsError if the table has no such column; RangeOfParameterError for more than 20 groups
 */
export function groupsOf(
  table: SubjectTable,
  volumes: readonly { id: string }[],
  name: string,
): SubgroupColumn {
  return subgroupColumn(name, valuesOf(table, volumes, name));
}

export interface SubgroupColumns {
  columns: SubgroupColumn[];
  /** Usual columns that are left out, and why. */
  notes: string[];
}

/**
 * The columns whose groups are scored separately: the requested ones, otherwise the usual ones that the table has.
 * @throws PredictionsError for a column that is missing, RangeOfParameterError for one of too many values
 */
export function subgroupColumns(
  table: SubjectTable,
  volumes: readonly { id: string }[],
  requested: readonly string[] | undefined,
): SubgroupColumns {
  if (requested !== undefined)
    return { columns: requested.map((name) => groupsOf(table, volumes, name)), notes: [] };
  const result: SubgroupColumns = { columns: [], notes: [] };
  for (const name of usualColumns(table)) {
    try {
      const column = groupsOf(table, volumes, name);
      // A single group cannot be compared with others.
      if (column.groups.length > 1) result.columns.push(column);
    } catch (error) {
      if (!(error instanceof RangeOfParameterError)) throw error;
      result.notes.push(
        `Subgroups by ${name} are left out: ${error.message}. Merge its values in a new column of the labels file, and pass that column to --subgroup.`,
      );
    }
  }
  return result;
}

/** volumes x columns; null if there is no value. @throws PredictionsError for a value that is not a number */
export function numbersOf(
  table: SubjectTable,
  volumes: readonly { id: string }[],
  names: readonly string[],
): (number | null)[][] {
  const columns = names.map((name) =>
    valuesOf(table, volumes, name).map((text) => {
      const value = isMissing(text) ? null : Number(text);
      if (value !== null && !Number.isFinite(value))
        throw new PredictionsError(
          `column ${name}: expected numbers for a baseline, found "${text}"`,
          table.file,
        );
      return value;
    }),
  );
  return volumes.map((_, k) => columns.map((column) => column[k]!));
}

function valuesOf(
  { file, columns, rows }: SubjectTable,
  volumes: readonly { id: string }[],
  name: string,
): string[] {
  if (!columns.includes(name))
    throw new PredictionsError(`column ${name} is missing; the columns are ${columns.join(", ")}`, file);
  return volumes.map(({ id }) => rows.get(id)?.[name] ?? "");
}
