import { readFileSync } from "node:fs";
import { CsvError, parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { writeFileAtomic } from "./atomic.js";
import { TableError } from "./errors.js";

/** A CSV file with a header; every value is text, as it stands in the file. */
export interface Table {
  file: string;
  columns: string[];
  rows: TableRow[];
}

export interface TableRow {
  /** Counted from 1, the header included. */
  line: number;
  values: Record<string, string>;
}

/**
 * Reads a UTF-8 CSV file with a header line; a byte-order mark and empty lines are allowed.
 * @param guarded true for a file of our own, whose cells csvText guarded   @throws TableError
 */
export function readTable(file: string, { guarded = false } = {}): Table {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new TableError(file, null, `cannot be read (${codeOf(cause)})`, "Check the path and the permissions.", {
      cause,
    });
  }
  const table = parseTable(text, file);
  return guarded ? unguarded(table) : table;
}

function unguarded({ file, columns, rows }: Table): Table {
  const names = columns.map(unguardCell);
  return {
    file,
    columns: names,
    rows: rows.map(({ line, values }) => {
      const cells = names.map((name, i): [string, string] => [name, unguardCell(values[columns[i]!] ?? "")]);
      return { line, values: Object.fromEntries(cells) };
    }),
  };
}

/** @param file name for error messages  @throws TableError */
export function parseTable(text: string, file: string): Table {
  const records = parseRecords(text, file);
  const columns = records[0]?.record ?? [];
  const header = records[0]?.line ?? 1;
  if (columns.length === 0)
    throw new TableError(file, null, "expected a header line, the file is empty", "Name its columns.");
  const double = columns.find((name, i) => columns.indexOf(name) !== i);
  if (double !== undefined) {
    throw new TableError(
      file,
      header,
      `expected columns with different names, "${double}" stands twice`,
      "Rename one.",
    );
  }
  const rows = records.slice(1).map(({ line, record }) => {
    if (record.length !== columns.length) {
      throw new TableError(
        file,
        line,
        `expected ${columns.length} values (${columns.join(", ")}), found ${record.length}`,
        "Put values that hold commas in double quotes.",
      );
    }
    return { line, values: Object.fromEntries(columns.map((name, i) => [name, record[i] ?? ""])) };
  });
  return { file, columns, rows };
}

interface Parsed {
  record: string[];
  line: number;
}

function parseRecords(text: string, file: string): Parsed[] {
  try {
    const found: unknown[] = parse(text, {
      bom: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
      info: true,
    });
    return (found as { record: string[]; info: { lines: number } }[]).map(({ record, info }) => ({
      record,
      line: info.lines,
    }));
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const line = typeof cause.lines === "number" ? cause.lines : null;
    throw new TableError(file, line, cause.message, "Check the quotes of this line.", { cause });
  }
}

/** @throws Error where a row lacks a column */
export function formatTable(columns: readonly string[], rows: readonly Record<string, string | number>[]): string {
  const cells = rows.map((row) =>
    columns.map((name) => {
      const value = row[name];
      if (value === undefined) throw new Error(`CSV row without a value for "${name}"`);
      return String(value);
    }),
  );
  return csvText([columns, ...cells]);
}

/** A table of our own as CSV: what a spreadsheet would take for a formula is guarded (readTable with `guarded` takes the guard off). */
export const csvText = (rows: readonly (readonly string[])[]): string =>
  stringify(rows.map((row) => row.map(guardCell)));

/** Begins like a formula, perhaps after guards. */
const FORMULA = /^'*[=+\-@\t\r]/;
const isNumbers = (text: string): boolean => text.split(" ").every((part) => part !== "" && Number.isFinite(Number(part))); // prettier-ignore

/** A text that a spreadsheet would compute (`=cmd|…`, `@SUM(1)`) behind an apostrophe; numbers and lists of numbers as they are. */
export const guardCell = (text: string): string => (FORMULA.test(text) && !isNumbers(text) ? `'${text}` : text);

/** What guardCell was given. */
export const unguardCell = (text: string): string =>
  text.startsWith("'") && FORMULA.test(text.slice(1)) ? text.slice(1) : text;

export function writeTable(
  file: string,
  columns: readonly string[],
  rows: readonly Record<string, string | number>[],
): void {
  writeFileAtomic(file, formatTable(columns, rows));
}

/** The operating system's code, such as ENOENT, else the message. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
