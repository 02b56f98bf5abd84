import { createRequire } from "node:module";
import type * as CsvParse from "csv-parse/sync";
import type * as CsvStringify from "csv-stringify/sync";
import { readGivenFile } from "../config/given-file.js";
import { writeFileAtomic } from "./atomic.js";
import { TableError } from "./errors.js";
import { listed } from "./listed.js";
import { isMissing } from "./missing-value.js";
import { codeOf } from "./error-code.js";

// Loaded when a table is read or written, and each as one file: their modules take longer to load than most commands need.
const require = createRequire(import.meta.url);
const csvParse = () => require("csv-parse/sync") as typeof CsvParse;
const csvStringify = () => require("csv-stringify/sync") as typeof CsvStringify;

/** A CSV file with a header; every value is text, as in the file. */
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
 * Reads a CSV file with a header line, in UTF-8 or, with its byte-order mark, UTF-16. Values are separated by commas, or
 * by semicolons or tabs if the header has more of them or a first line sep=; names them. Empty lines and rows without
 * any value are skipped.
 * @param guarded true for a file that Slicestack wrote, whose cells `csvText` guarded
 * @throws TableError also for text in another encoding: read as UTF-8, two class names could become one
 */
export function readTable(file: string, { guarded = false } = {}): Table {
  let bytes: Buffer;
  try {
    bytes = readGivenFile(file);
  } catch (cause) {
    throw new TableError(
      file,
      null,
      `cannot be read (${codeOf(cause)})`,
      "Check the path and the permissions.",
      {
        cause,
      },
    );
  }
  const table = parseTable(decoded(bytes, file), file);
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

function decoded(bytes: Buffer, file: string): string {
  const mark =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? "utf-16le"
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? "utf-16be"
        : "utf-8";
  try {
    return new TextDecoder(mark, { fatal: true }).decode(bytes);
  } catch (cause) {
    const line = mark === "utf-8" ? firstForeignLine(bytes) : null;
    throw new TableError(
      file,
      line,
      `expected ${mark.toUpperCase()} text, received bytes of another encoding`,
      "Save it as UTF-8 (in Excel: CSV UTF-8), or convert it, naming its encoding, such as: iconv -f GBK -t UTF-8 OLD.csv > NEW.csv.",
      { cause },
    );
  }
}

/** The number of the first line that is not UTF-8, counted from 1. */
function firstForeignLine(bytes: Buffer): number {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let line = 1, start = 0; ; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    if (newline < 0) return line;
    start = end + 1;
  }
}

/** @param file name for error messages  @throws TableError */
export function parseTable(text: string, file: string): Table {
  const nul = text.indexOf("\0");
  if (nul >= 0) {
    const line = text.slice(0, nul).split("\n").length;
    throw new TableError(file, line, "expected text, found a NUL character", "Save it as UTF-8 text.");
  }
  const filled = parseRecords(text, file).filter(({ record }) => record.some((cell) => cell !== ""));
  const records = withDecimalPoints(withoutEmptyColumns(filled), separatorOf(text));
  const columns = records[0]?.record ?? [];
  const header = records[0]?.line ?? 1;
  if (columns.length === 0)
    throw new TableError(file, null, "expected a header line, but the file is empty", "Name its columns.");
  const double = columns.find((name, i) => columns.indexOf(name) !== i);
  if (double !== undefined) {
    throw new TableError(
      file,
      header,
      `expected columns with different names, but "${double}" appears twice`,
      "Rename one.",
    );
  }
  const unnamed = columns.indexOf("");
  if (unnamed >= 0)
    throw new TableError(
      file,
      header,
      `expected a name for each column, but column ${unnamed + 1} has no name`,
      "Name it.",
    );
  const rows = records.slice(1).map(({ line, record }) => {
    if (record.length !== columns.length) {
      throw new TableError(
        file,
        line,
        `expected ${columns.length} values (${listed(columns)}), found ${record.length}`,
        `Put values that contain a ${NAMES[separatorOf(text)]} in double quotes.`,
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

const NAMES = { ",": "comma", ";": "semicolon", "\t": "tab" } as const;
type Separator = keyof typeof NAMES;

/** The first line that tells spreadsheets which separator is used. */
const HINT = /^\uFEFF?"?sep=([,;\t])"?[ \t]*(\r?\n|\r)/i;

/** Excel writes semicolons where the comma is the decimal mark; the header may then hold commas, too. */
function separatorOf(text: string): Separator {
  const hint = HINT.exec(text)?.[1];
  if (hint !== undefined) return hint as Separator;
  const header = (/^\uFEFF?\s*([^\r\n]*)/.exec(text)?.[1] ?? "").replaceAll(/"[^"]*"/g, "");
  const count = (separator: Separator) => header.split(separator).length;
  return (Object.keys(NAMES) as Separator[]).reduce(
    (best, candidate) => (count(candidate) > count(best) ? candidate : best),
    ",",
  );
}

/**
 * Numbers with a decimal comma, in a file whose values are not separated by commas, get a decimal point; otherwise they
 * would be read as text. Only in columns that contain nothing else, and not if every comma may separate thousands.
 */
function withDecimalPoints(records: readonly Parsed[], separator: Separator): Parsed[] {
  if (separator === ",") return [...records];
  const [head, ...rows] = records;
  const isDecimal = (head?.record ?? []).map((_, k) => {
    const cells = rows.map(({ record }) => (record[k] ?? "").trim()).filter((cell) => !isMissing(cell));
    const commas = cells.filter((cell) => cell.includes(","));
    const isComma = commas.length > 0 && cells.every((cell) => /^[-+]?\d+(,\d+)?$/.test(cell));
    return isComma && commas.some((cell) => !/,\d{3}$/.test(cell));
  });
  const pointed = (cell: string, k: number) => (isDecimal[k] === true ? cell.replace(",", ".") : cell);
  return records.map(({ line, record }, r) =>
    r === 0 ? { line, record } : { line, record: record.map(pointed) },
  );
}

/** Columns at the right end without a name or a value, as spreadsheets leave them. */
function withoutEmptyColumns(records: readonly Parsed[]): Parsed[] {
  const columns = records[0]?.record ?? [];
  let width = columns.length;
  const isEmpty = (column: number) => records.every(({ record }) => (record[column] ?? "") === "");
  while (width > 0 && isEmpty(width - 1)) width--;
  if (width === columns.length) return [...records];
  return records.map(({ line, record }) => ({
    line,
    record: record.length === columns.length ? record.slice(0, width) : record,
  }));
}

function parseRecords(text: string, file: string): Parsed[] {
  const { CsvError, parse } = csvParse();
  try {
    const parsedRecords: unknown[] = parse(text, {
      delimiter: separatorOf(text),
      from_line: HINT.test(text) ? 2 : 1,
      bom: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
      info: true,
    });
    return (parsedRecords as { record: string[]; info: { lines: number } }[]).map(({ record, info }) => ({
      record,
      line: info.lines,
    }));
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const line = typeof cause.lines === "number" ? cause.lines : null;
    throw new TableError(file, line, cause.message, "Check the quotes of this line.", { cause });
  }
}

/** @throws Error if a row lacks a column */
export function formatTable(
  columns: readonly string[],
  rows: readonly Record<string, string | number>[],
): string {
  const cells = rows.map((row) =>
    columns.map((name) => {
      const value = row[name];
      if (value === undefined) throw new Error(`CSV row without a value for "${name}"`);
      return String(value);
    }),
  );
  return csvText([columns, ...cells]);
}

/**
 * A table that Slicestack writes, as CSV. Cells that a spreadsheet would take for a formula are guarded; readTable with
 * `guarded` removes the guards.
 */
export const csvText = (rows: readonly (readonly string[])[]): string =>
  csvStringify().stringify(rows.map((row) => row.map(guardCell)));

/** Matches text that begins like a formula, perhaps after guards. */
const FORMULA = /^'*[=+\-@\t\r]/;
const isNumbers = (text: string): boolean =>
  text.split(" ").every((word) => word !== "" && Number.isFinite(Number(word)));

/** Puts an apostrophe before text that a spreadsheet would compute (`=cmd|…`, `@SUM(1)`), but not before numbers. */
export const guardCell = (text: string): string =>
  FORMULA.test(text) && !isNumbers(text) ? `'${text}` : text;

/** The inverse of `guardCell`. */
export const unguardCell = (text: string): string =>
  text.startsWith("'") && FORMULA.test(text.slice(1)) ? text.slice(1) : text;

export function writeTable(
  file: string,
  columns: readonly string[],
  rows: readonly Record<string, string | number>[],
): void {
  writeFileAtomic(file, formatTable(columns, rows));
}
