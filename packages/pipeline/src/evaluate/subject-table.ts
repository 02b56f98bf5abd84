/** subjects.csv of a data set, as far as an evaluation looks at it: groups of subjects, and numbers known of them. */
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

/** Columns that are looked at without being asked for, where the labels file has them, by their names without signs and spaces. */
const USUAL =
  /^(patients?|subjects?)?(site|center|centre|hospital|institution|scanner|manufacturer|model|kernel|sex|gender|age)(id|name|years?|atscan)?$/;

/** Columns that describe subjects: those that subgroups are made of. */
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
 * The groups of a column, one a volume.
 * @throws PredictionsError where the table has no such column; RangeOfParameterError for more than 20 groups
 */
export function groupsOf(table: SubjectTable, volumes: readonly { id: string }[], name: string): SubgroupColumn {
  return subgroupColumn(name, valuesOf(table, volumes, name));
}

export interface SubgroupColumns {
  columns: SubgroupColumn[];
  /** Usual columns that are left out, and why. */
  notes: string[];
}

/**
 * The columns whose groups are scored apart: those that were asked for, else the usual ones that the table has.
 * @throws PredictionsError for a column that is missing, RangeOfParameterError for one of too many values
 */
export function subgroupColumns(
  table: SubjectTable,
  volumes: readonly { id: string }[],
  asked: readonly string[] | undefined,
): SubgroupColumns {
  if (asked !== undefined) return { columns: asked.map((name) => groupsOf(table, volumes, name)), notes: [] };
  const found: SubgroupColumns = { columns: [], notes: [] };
  for (const name of usualColumns(table)) {
    try {
      const column = groupsOf(table, volumes, name);
      // One group has nothing to be compared with.
      if (column.groups.length > 1) found.columns.push(column);
    } catch (error) {
      if (!(error instanceof RangeOfParameterError)) throw error;
      found.notes.push(
        `Subgroups by ${name} are left out: ${error.message}. Join its values in a column of the labels file, and name that with --subgroup.`,
      );
    }
  }
  return found;
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
