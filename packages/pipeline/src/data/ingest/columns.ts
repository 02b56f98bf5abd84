/**
 * Selects the further columns of a labels file that the data set keeps. Columns that identify a person, by their name or
 * by their values, are dropped.
 */
import { TableError } from "../errors.js";
import type { Table, TableRow } from "../csv.js";
import { isMissing } from "../missing-value.js";
import { isPersonal } from "./personal-columns.js";

export interface FurtherColumns {
  kept: string[];
  /** Each with the reason. */
  dropped: { name: string; why: string }[];
}

export interface ColumnOptions {
  keepColumns?: readonly string[];
  keepIds?: boolean;
  /** The subject of each row: if a subject has several rows, the same name appears in each of them. */
  subjectOf?: ReadonlyMap<TableRow, string>;
}

/**
 * @param used columns that have a meaning: ids, labels …
 * @param wanted columns to keep, and no others; default: all that do not look personal
 * @throws TableError if a wanted column is missing, or names a person
 */
export function furtherColumns(
  table: Table,
  used: ReadonlySet<string | undefined>,
  { keepColumns: wanted, keepIds = false, subjectOf = new Map() }: ColumnOptions,
): FurtherColumns {
  const further = table.columns.filter((name) => !used.has(name));
  if (wanted === undefined) {
    const judged = further.map((name) => ({ name, why: whyPersonal(table, name, subjectOf) }));
    return {
      kept: judged.flatMap(({ name, why }) => (why === null ? [name] : [])),
      dropped: judged.flatMap(({ name, why }) => (why === null ? [] : [{ name, why }])),
    };
  }
  for (const name of wanted) {
    if (!table.columns.includes(name))
      throw new TableError(
        table.file,
        1,
        `--keep-columns: column ${name} is missing; the columns are ${table.columns.join(", ")}`,
        "Name existing columns.",
      );
    if (isPersonal(name) && !keepIds)
      throw new TableError(
        table.file,
        1,
        `--keep-columns: ${name} names a person`,
        "Leave it out, or add --keep-ids if names may be kept.",
      );
  }
  const kept = further.filter((name) => wanted.includes(name));
  return {
    kept,
    dropped: further
      .filter((name) => !kept.includes(name))
      .map((name) => ({ name, why: "it is not among --keep-columns" })),
  };
}

function whyPersonal({ rows }: Table, name: string, subjectOf: ReadonlyMap<TableRow, string>): string | null {
  if (isPersonal(name)) return "it names a person";
  // Each distinct value of a subject counts once.
  const ofSubjects = rows.map((row) =>
    JSON.stringify([subjectOf.get(row) ?? row.line, (row.values[name] ?? "").trim()]),
  );
  const values = [...new Set(ofSubjects)]
    .map((pair) => (JSON.parse(pair) as [unknown, string])[1])
    .filter((value) => !isMissing(value));
  const kind = personalKind(values);
  return kind === null ? null : `its values look like ${kind}`;
}

const DATE = [
  /^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b/,
  /^\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})\b/,
  /^(18|19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/,
  /^\d{1,2}\.?[ -]?\p{L}{3,}\.?[ -],?\d{2,4}$/u,
  /^\p{L}{3,}\.? \d{1,2},? \d{4}$/u,
  /^\d{4}年\d{1,2}月\d{1,2}日$/,
];

/** Kinds of values that can identify a person, worded for a message. */
const KINDS: readonly (readonly [kind: string, is: (value: string) => boolean])[] = [
  ["dates", (value) => DATE.some((form) => form.test(value))],
  ["e-mail addresses", (value) => /^[^@\s]+@[^@\s]+\.\p{L}{2,}$/u.test(value)],
  ["UIDs", (value) => /^[0-2](\.\d+){4,}$/.test(value)],
  ["names in the form of DICOM", (value) => /^\p{L}[^^]*\^/u.test(value)],
  ["social security numbers", (value) => /^\d{3}-\d{2}-\d{4}$/.test(value)],
  ["NHS numbers", isNhsNumber],
  ["postcodes", (value) => /^[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}$/i.test(value)],
  [
    "phone numbers",
    (value) =>
      /^\+?[\d ()/-]+$/.test(value) && /[+ (/]/.test(value) && value.replaceAll(/\D/g, "").length >= 8,
  ],
];

/** Ten digits, the last of which checks the others (modulo 11). */
function isNhsNumber(value: string): boolean {
  if (!/^\d{3}[ -]?\d{3}[ -]?\d{4}$/.test(value)) return false;
  const digits = [...value.replaceAll(/\D/g, "")].map(Number);
  const sum = digits.slice(0, 9).reduce((total, digit, k) => total + digit * (10 - k), 0);
  return (11 - (sum % 11)) % 11 === digits[9];
}

/** A few rows may be mistyped, or contain a dash for a missing value. */
const MOST = 0.8;
/** Texts that hardly repeat are names, addresses or remarks; sites and scanners repeat. */
const [FEWEST_TEXTS, DISTINCT] = [5, 0.9];

function personalKind(values: readonly string[]): string | null {
  if (values.length === 0) return null;
  const share = (is: (value: string) => boolean) => values.filter(is).length / values.length;
  const kind = KINDS.find(([, is]) => share(is) >= MOST);
  if (kind !== undefined) return kind[0];
  const texts = share((value) => /\p{L}{2}/u.test(value)) >= MOST;
  const distinct = new Set(values).size / values.length;
  return texts && values.length >= FEWEST_TEXTS && distinct >= DISTINCT
    ? "names or remarks, with a different text in nearly every row"
    : null;
}
