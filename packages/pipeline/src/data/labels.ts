import { basename } from "node:path";
import { readTable, type TableRow } from "./csv.js";
import { LabelsError, TableError, type LabelProblems } from "./errors.js";
import type { SourceFile } from "./ingest.js";

/** A volume with what the labels say of it. */
export interface LabelledFile extends SourceFile {
  subject: string;
  label: number;
  extra: Record<string, string>;
}

export interface Labelling {
  files: LabelledFile[];
  /** Class names, by label. */
  classes: string[];
}

/** More classes than this are taken for a mistaken column. */
const MAX_LABEL = 999;

/**
 * Joins volumes with a labels file: columns id or path, label, optionally subject (default: the id) and class (its name);
 * further columns are kept as `extra`. Where the volumes also lie in class folders, folder and file must agree.
 * @throws LabelsError naming ids without a volume, volumes without a label, and contradictions   @throws TableError
 */
export function labelsFromTable(files: SourceFile[], path: string): Labelling {
  const table = readTable(path);
  const key = ["id", "path"].find((name) => table.columns.includes(name));
  if (key === undefined || !table.columns.includes("label")) {
    const remedy = "Name the columns id (or path), label and, where a subject has several volumes, subject.";
    throw new TableError(
      path,
      1,
      `expected the columns id or path, and label, found ${table.columns.join(", ")}`,
      remedy,
    );
  }
  const problems: LabelProblems = { unmatched: [], unlabelled: [], conflicting: [], invalid: [] };
  const rows = matchRows(files, table.rows, key, problems);
  const known = new Set([key, "id", "path", "subject", "label", "class"]);
  const names = new Map<number, string>();
  const labelled: LabelledFile[] = [];
  for (const file of files) {
    const row = rows.get(file);
    if (row === undefined) {
      problems.unlabelled.push(file.id);
      continue;
    }
    const label = labelOf(row, file, problems);
    if (label === null) continue;
    const name = row.values["class"] ?? file.className;
    if (name !== undefined && name !== "" && !names.has(label)) names.set(label, name);
    const extra = Object.fromEntries(Object.entries(row.values).filter(([column]) => !known.has(column)));
    labelled.push({ ...file, subject: row.values["subject"] || file.id, label, extra });
  }
  return finish(path, labelled, problems, names);
}

/** Labels from the folders class_0/, class_1/ … or CT-0/, CT-1/ …; every volume is its own subject. @throws LabelsError */
export function labelsFromFolders(files: SourceFile[], source: string): Labelling {
  const problems: LabelProblems = { unmatched: [], unlabelled: [], conflicting: [], invalid: [] };
  const names = new Map<number, string>();
  const labelled: LabelledFile[] = [];
  for (const file of files) {
    if (file.folderLabel === null) {
      problems.unlabelled.push(file.path);
      continue;
    }
    if (file.className !== undefined) names.set(file.folderLabel, file.className);
    labelled.push({ ...file, subject: file.id, label: file.folderLabel, extra: {} });
  }
  return finish(source, labelled, problems, names);
}

function matchRows(
  files: SourceFile[],
  rows: TableRow[],
  key: string,
  problems: LabelProblems,
): Map<SourceFile, TableRow> {
  const byName = new Map<string, SourceFile[]>();
  for (const file of files) {
    for (const name of new Set([file.path, withoutExtension(file.path), basename(file.path), file.stem])) {
      byName.set(name, [...(byName.get(name) ?? []), file]);
    }
  }
  const matched = new Map<SourceFile, TableRow>();
  for (const row of rows) {
    const name = (row.values[key] ?? "").replace(/^\.\//, "").replaceAll("\\", "/");
    const found = byName.get(name) ?? [];
    const file = found[0];
    if (file === undefined) problems.unmatched.push(name === "" ? `line ${row.line}: empty ${key}` : name);
    else if (found.length > 1) problems.invalid.push(`${name}: the name of ${found.length} volumes, give their path`);
    else {
      const before = matched.get(file);
      if (before === undefined) matched.set(file, row);
      else if (differ(before, row)) problems.conflicting.push(`${name}: lines ${before.line} and ${row.line}`);
    }
  }
  return matched;
}

function differ(a: TableRow, b: TableRow): boolean {
  return a.values["label"] !== b.values["label"] || a.values["subject"] !== b.values["subject"];
}

function labelOf(row: TableRow, file: SourceFile, problems: LabelProblems): number | null {
  const text = row.values["label"] ?? "";
  const label = /^\d+(\.0+)?$/.test(text) ? Number(text) : NaN;
  if (text === "") problems.unlabelled.push(file.id);
  else if (!(label <= MAX_LABEL)) problems.invalid.push(`${file.id}: label "${text}", expected 0, 1, 2 …`);
  else if (file.folderLabel !== null && file.folderLabel !== label) {
    problems.conflicting.push(`${file.path}: label ${label} in line ${row.line}`);
  } else return label;
  return null;
}

function finish(source: string, files: LabelledFile[], problems: LabelProblems, names: Map<number, string>): Labelling {
  if (Object.values(problems).some((list: string[]) => list.length > 0)) throw new LabelsError(source, problems);
  const count = files.reduce((most, file) => Math.max(most, file.label + 1), 0);
  const classes = Array.from({ length: count }, (_, label) => names.get(label) ?? String(label));
  // Two labels under one name would be told apart nowhere.
  const unique = new Set(classes).size === classes.length;
  return { files, classes: unique ? classes : classes.map((_, label) => String(label)) };
}

/** Without .nii.gz, .nii or .npy. */
export function withoutExtension(path: string): string {
  return path.replace(/\.(nii\.gz|nii|npy)$/i, "");
}
