import { formatTable, readTable, type TableRow } from "./csv.js";
import { DatasetError } from "./errors.js";
import type { VolumeRecord } from "./store.js";

const AXES = ["x", "y", "z"] as const;
const triple = (name: string) => AXES.map((axis) => `${name}_${axis}`);
const COLUMNS = [
  "id",
  "subject",
  "label",
  "first",
  "count",
  "unit",
  ...triple("spacing"),
  ...triple("original_shape"),
  ...triple("original_spacing"),
  "source",
  "sha256",
  "mean_lung_hu",
];
/** Further columns of the labels file whose names are taken stand under this prefix. */
const PREFIX = "labels_";

/** subjects.csv of a data set: one row a volume, in the order of the slices. */
export function formatSubjects(volumes: readonly VolumeRecord[]): string {
  const extras = [...new Set(volumes.flatMap((volume) => Object.keys(volume.extra)))];
  return formatTable(
    [...COLUMNS, ...extras.map(columnOf)],
    volumes.map((volume) => ({
      ...volume,
      ...spreadTriple("spacing", volume.spacing),
      ...spreadTriple("original_shape", volume.originalShape),
      ...spreadTriple("original_spacing", volume.originalSpacing),
      mean_lung_hu: volume.meanLungHu ?? "",
      extra: "",
      ...Object.fromEntries(extras.map((name) => [columnOf(name), volume.extra[name] ?? ""])),
    })) as unknown as Record<string, string | number>[],
  );
}

const columnOf = (name: string) => (COLUMNS.includes(name) || name.startsWith(PREFIX) ? PREFIX + name : name);
const nameOf = (column: string) => (column.startsWith(PREFIX) ? column.slice(PREFIX.length) : column);

function spreadTriple(name: string, values: readonly number[]): Record<string, number> {
  return Object.fromEntries(triple(name).map((column, i) => [column, values[i] ?? NaN]));
}

/** @throws DatasetError, TableError naming file and line */
export function readSubjects(file: string): VolumeRecord[] {
  const table = readTable(file);
  const missing = COLUMNS.filter((name) => !table.columns.includes(name));
  if (missing.length > 0)
    throw new DatasetError(file, `expected the columns ${missing.join(", ")}`, "Prepare the data set again.");
  const extras = table.columns.filter((name) => !COLUMNS.includes(name));
  return table.rows.map((row) => readRow(file, row, extras));
}

function readRow(file: string, row: TableRow, extras: string[]): VolumeRecord {
  const text = (name: string) => row.values[name] ?? "";
  const number = (name: string, whole = false) => {
    const value = text(name) === "" ? NaN : Number(text(name));
    if (Number.isFinite(value) && (!whole || (Number.isSafeInteger(value) && value >= 0))) return value;
    const expected = whole ? "a whole number" : "a number";
    throw new DatasetError(
      file,
      `line ${row.line}: ${name}: expected ${expected}, found "${text(name)}"`,
      "Prepare the data set again.",
    );
  };
  const three = (name: string, whole = false) =>
    triple(name).map((column) => number(column, whole)) as [number, number, number];
  const unit = text("unit");
  if (unit !== "HU" && unit !== "arbitrary") {
    throw new DatasetError(
      file,
      `line ${row.line}: unit: expected HU or arbitrary, found "${unit}"`,
      "Prepare the data set again.",
    );
  }
  return {
    id: text("id"),
    subject: text("subject"),
    label: number("label", true),
    first: number("first", true),
    count: number("count", true),
    unit,
    spacing: three("spacing"),
    originalShape: three("original_shape", true),
    originalSpacing: three("original_spacing"),
    source: text("source"),
    sha256: text("sha256"),
    meanLungHu: text("mean_lung_hu") === "" ? null : number("mean_lung_hu"),
    extra: Object.fromEntries(extras.map((column) => [nameOf(column), text(column)])),
  };
}
