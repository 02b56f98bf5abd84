import { GEOMETRY_FACT } from "@slicestack/volume/internal/facts";
import { formatTable, readTable, type TableRow } from "./csv.js";
import { DatasetError } from "./errors.js";
import { PARTS } from "./split/parts.js";
import type { VolumeRecord } from "./volume-record.js";

const AXES = ["x", "y", "z"] as const;
const triple = (name: string) => AXES.map((axis) => `${name}_${axis}`);
const COLUMNS = [
  ...["id", "subject", "label", "part", "first", "count", "unit"],
  ...triple("spacing"),
  ...triple("origin"),
  "direction",
  ...triple("original_shape"),
  ...triple("original_spacing"),
  ...triple("original_origin"),
  "original_direction",
  ...["crop", "source", "sha256", "voxel_sha256", "mean_lung_hu"],
];
/** The column that records which of two contradictory geometries of a file was used. */
export const GEOMETRY_COLUMN = GEOMETRY_FACT;
/** Prefix of further columns of the labels file whose names are already taken. */
const PREFIX = "labels_";

/** subjects.csv of a data set: one row per volume, in the order of the slices. */
export function formatSubjects(volumes: readonly VolumeRecord[]): string {
  const extras = [...new Set(volumes.flatMap((volume) => Object.keys(volume.extra)))];
  const rows = volumes.map(({ geometry, original, ...volume }): Record<string, string | number> => ({
    id: volume.id,
    subject: volume.subject,
    label: volume.label,
    part: volume.part ?? "",
    first: volume.first,
    count: volume.count,
    unit: volume.unit,
    ...spreadTriple("spacing", geometry.spacing),
    ...spreadTriple("origin", geometry.origin),
    direction: geometry.direction.join(" "),
    ...spreadTriple("original_shape", original.shape),
    ...spreadTriple("original_spacing", original.spacing),
    ...spreadTriple("original_origin", original.origin),
    original_direction: original.direction.join(" "),
    crop: volume.crop?.join(" ") ?? "",
    source: volume.source,
    sha256: volume.sha256,
    voxel_sha256: volume.voxelSha256,
    mean_lung_hu: volume.meanLungHu ?? "",
    ...Object.fromEntries(extras.map((name) => [columnOf(name), volume.extra[name] ?? ""])),
  }));
  return formatTable([...COLUMNS, ...extras.map(columnOf)], rows);
}

const columnOf = (name: string) => (COLUMNS.includes(name) || name.startsWith(PREFIX) ? PREFIX + name : name);
const nameOf = (column: string) => (column.startsWith(PREFIX) ? column.slice(PREFIX.length) : column);

function spreadTriple(name: string, values: readonly number[]): Record<string, number> {
  return Object.fromEntries(triple(name).map((column, i) => [column, values[i] ?? NaN]));
}

/** @throws DatasetError, TableError naming file and line */
export function readSubjects(file: string): VolumeRecord[] {
  const table = readTable(file, { guarded: true });
  const missing = COLUMNS.filter((name) => !table.columns.includes(name));
  if (missing.length > 0)
    throw new DatasetError(file, `expected the columns ${missing.join(", ")}`, "Prepare the data set again.");
  const extras = table.columns.filter((name) => !COLUMNS.includes(name));
  return table.rows.map((row) => readRow(file, row, extras));
}

function readRow(file: string, row: TableRow, extras: string[]): VolumeRecord {
  const text = (name: string) => row.values[name] ?? "";
  const refuse = (name: string, expected: string): never => {
    const problem = `line ${row.line}: ${name}: expected ${expected}, found "${text(name)}"`;
    throw new DatasetError(file, problem, "Prepare the data set again.");
  };
  const number = (name: string, whole = false) => {
    const value = text(name) === "" ? NaN : Number(text(name));
    if (Number.isFinite(value) && (!whole || (Number.isSafeInteger(value) && value >= 0))) return value;
    return refuse(name, whole ? "a whole number" : "a number");
  };
  const three = (name: string, whole = false) =>
    triple(name).map((column) => number(column, whole)) as [number, number, number];
  const list = (name: string, length: number) => {
    const values = text(name).split(" ").map(Number);
    if (values.length === length && values.every(Number.isFinite)) return values;
    return refuse(name, `${length} numbers`);
  };
  const oneOf = <T extends string>(name: string, values: readonly T[]): T =>
    values.find((value) => value === text(name)) ?? refuse(name, values.join(" or "));
  const geometry = (prefix: string) => ({
    spacing: three(`${prefix}spacing`),
    origin: three(`${prefix}origin`),
    direction: list(`${prefix}direction`, 9),
  });
  return {
    id: text("id"),
    subject: text("subject"),
    label: number("label", true),
    part: text("part") === "" ? null : oneOf("part", PARTS),
    first: number("first", true),
    count: number("count", true),
    unit: oneOf("unit", ["HU", "arbitrary"]),
    geometry: geometry(""),
    original: { shape: three("original_shape", true), ...geometry("original_") },
    crop: text("crop") === "" ? null : list("crop", 6),
    source: text("source"),
    sha256: text("sha256"),
    voxelSha256: text("voxel_sha256"),
    meanLungHu: text("mean_lung_hu") === "" ? null : number("mean_lung_hu"),
    extra: Object.fromEntries(extras.map((column) => [nameOf(column), text(column)])),
  };
}
