/** Assigns labels to volumes, from a labels file, from class folders or from the archive that contains the volumes. */
import { basename, dirname } from "node:path";
import { readTable, type Table, type TableRow } from "../csv.js";
import { LabelsError, TableError, type LabelProblems } from "../errors.js";
import { folderKind } from "../owned-folder.js";
import { furtherColumns } from "./columns.js";
import { listed } from "../listed.js";
import { isBlank, isMissing } from "../missing-value.js";
import { labelNumbers, strayLabels } from "./label-values.js";
import { partColumnOf, partOf, partsFromColumn } from "./parts.js";
import { composed } from "./paths.js";
import type { KnownReasons } from "./known-reasons.js";
import { chooseSeries } from "./series.js";
import { subjectWarnings } from "./placeholders.js";
import {
  KEYS,
  type Key,
  type Labelling,
  type LabelledVolume,
  type SetAside,
  type SourceVolume,
} from "./source.js";

export interface LabelOptions {
  /** Columns of the labels file; default: the first of the usual names that exists. */
  columns?: { id?: string; label?: string; subject?: string; class?: string };
  /** What the ids refer to; default: whatever they match. */
  key?: Key;
  /** Which series of a study: thinnest, a UID, or a regular expression on the series' description. */
  series?: string;
  /** Leave out volumes without a label and labels without a volume, instead of refusing them. */
  skipUnlabelled?: boolean;
  /** Further columns of the labels file that go into the data set; default: all that do not look personal. */
  keepColumns?: readonly string[];
  /** Allow `keepColumns` to keep columns that identify a person. */
  keepIds?: boolean;
}

const ID_COLUMNS = [
  "id",
  "path",
  "file",
  "patient_id",
  "accession_number",
  "accession",
  "study_uid",
  "series_uid",
];
const USUAL = {
  label: ["label", "category", "class_id", "target"],
  subject: ["subject", "subject_id", "patient", "patient_id"],
  class: ["class", "class_name"],
};

/**
 * @throws LabelsError naming ids without a volume, volumes without a label, contradictions, studies with several series
 * @throws TableError
 */
export function labelsFromTable(
  volumes: readonly SourceVolume[],
  path: string,
  options: LabelOptions = {},
  reasons?: KnownReasons,
): Labelling {
  // In a folder that Slicestack wrote, cells that a spreadsheet would compute are guarded.
  const kind = folderKind(dirname(path));
  const table = readTable(path, { guarded: kind === "slices" || kind === "scans" });
  const columns = { ...columnsOf(table, options), part: partColumnOf(table) };
  const problems = noProblems();
  const left: SetAside[] = [];
  const numbers = labelNumbers(table, columns.label);
  const rows = matchRows(volumes, table.rows, { ...options, columns, reasons }, problems, left);
  const partOfRow = columns.part === undefined ? () => null : partsFromColumn(columns.part, rows, problems);
  const used = new Set([...Object.values(columns), "id", "path", "subject", "label", "class"]);
  const subjectOf = new Map(
    [...rows].map(([volume, row]) => [row, subjectIn(row, columns) ?? volume.subject ?? volume.id]),
  );
  const further = furtherColumns(table, used, { ...options, subjectOf });
  const names = new Map(numbers.names);
  const givenNames = new Map<number, string>();
  const nameless: SourceVolume[] = [];
  const labelled: LabelledVolume[] = [];
  const chosenAway = new Set(left.map(({ path }) => path));
  for (const volume of volumes) {
    const matched = rows.get(volume);
    if (matched === undefined) {
      if (!chosenAway.has(volume.path)) unlabelled(volume, options, problems, left);
      continue;
    }
    const { values } = matched;
    if (isMissing(values[columns.label] ?? "")) {
      unlabelled(volume, options, problems, left, values[columns.label]);
      continue;
    }
    const label = numbers.of(values[columns.label] ?? "");
    if (label === null) {
      problems.invalid.push(`${volume.path}: label "${values[columns.label]}", expected 0, 1, 2 …`);
      continue;
    }
    if (volume.folderLabel !== null && volume.folderLabel !== label) {
      problems.conflicting.push(`${volume.path}: label ${label} in line ${matched.line}`);
      continue;
    }
    const given = columns.class === undefined ? "" : (values[columns.class] ?? "");
    const name = (isBlank(given) ? "" : given) || volume.className;
    if (name && !names.has(label)) names.set(label, name);
    const other = givenNames.get(label) ?? given;
    if (!isBlank(given)) givenNames.set(label, other);
    if (!isBlank(given) && given !== other) {
      problems.invalid.push(
        `${volume.path}: class "${given}" in line ${matched.line}, but label ${label} is also called "${other}"; give each label one name`,
      );
      continue;
    }
    const named = subjectIn(matched, columns);
    if (columns.subject !== undefined && named === null && volume.subject === null) nameless.push(volume);
    const subject = named ?? (volume.subject || volume.id);
    const extra = Object.fromEntries(further.kept.map((column) => [column, values[column] ?? ""]));
    const part = partOfRow(matched) ?? volume.part;
    labelled.push({ ...volume, part, subject, label, extra: { ...volume.facts, ...extra } });
  }
  const lineOf = new Map([...rows].map(([volume, { line }]) => [volume.path, line]));
  const strays = new Set(
    strayLabels(
      labelled.map(({ label }) => label),
      names,
    ),
  );
  for (const volume of labelled.filter(({ label }) => strays.has(label)))
    problems.invalid.push(
      `${volume.path}: label ${volume.label} in line ${lineOf.get(volume.path)} is far from the others; leave the cell empty if it means unknown, or give all classes names`,
    );
  return { ...finish(path, labelled, problems, names, left, nameless), columns: further };
}

/** The subject that a row names; null if it names none. Words such as unknown count as a subject, with a warning. */
function subjectIn({ values }: TableRow, { subject: column }: Columns): string | null {
  const subject = column === undefined ? "" : (values[column] ?? "");
  return isBlank(subject) ? null : subject;
}

/** Labels from the folders class_0/, class_1/ …, or from an archive. @throws LabelsError */
export function labelsFromSource(
  volumes: readonly SourceVolume[],
  source: string,
  options: LabelOptions = {},
): Labelling {
  const problems = noProblems();
  const left: SetAside[] = [];
  const names = new Map<number, string>();
  const chosen = new Set(chooseSeries(volumes, options.series, problems, left));
  const labelled: LabelledVolume[] = [];
  for (const volume of volumes) {
    if (!chosen.has(volume)) continue;
    if (volume.folderLabel === null) {
      unlabelled(volume, options, problems, left);
      continue;
    }
    if (volume.className !== null) names.set(volume.folderLabel, volume.className);
    const subject = volume.subject ?? volume.id;
    labelled.push({ ...volume, subject, label: volume.folderLabel, extra: volume.facts });
  }
  return { ...finish(source, labelled, problems, names, left), columns: { kept: [], dropped: [] } };
}

const noProblems = (): LabelProblems => ({
  unmatched: [],
  unlabelled: [],
  conflicting: [],
  invalid: [],
  severalSeries: [],
});

/** @param text the cell in place of a label, such as NA */
function unlabelled(
  volume: SourceVolume,
  options: LabelOptions,
  problems: LabelProblems,
  left: SetAside[],
  text = "",
): void {
  const shown = text === "" ? "" : ` ("${text}")`;
  if (options.skipUnlabelled) left.push({ path: volume.path, reason: `has no label${shown}` });
  else problems.unlabelled.push(`${volume.path}${shown}`);
}

interface Columns {
  id: string;
  label: string;
  subject: string | undefined;
  class: string | undefined;
}

/** A column's name without case, spaces and punctuation. Digits count: label2 is not the label column. */
const plain = (name: string) => name.toLowerCase().replace(/instance|[^a-z0-9]/g, "");

function columnsOf(table: Table, { columns = {}, key }: LabelOptions): Columns {
  const find = (wanted: string | undefined, usual: readonly string[]) => {
    if (wanted !== undefined) {
      if (table.columns.includes(wanted)) return wanted;
      throw new TableError(
        table.file,
        1,
        `expected the column ${wanted}, found ${listed(table.columns)}`,
        "Name an existing column.",
      );
    }
    for (const name of usual) {
      const column =
        table.columns.find((column) => column === name) ??
        table.columns.find((column) => plain(column) === plain(name));
      if (column !== undefined) return column;
    }
    return undefined;
  };
  const id = find(columns.id, key === undefined ? ID_COLUMNS : [key, ...ID_COLUMNS]);
  const label = find(columns.label, USUAL.label);
  if (id === undefined || label === undefined) {
    const remedy =
      "Name the columns id (or path) and label, or name them with --id-column and --label-column.";
    const columns = listed(table.columns);
    throw new TableError(
      table.file,
      1,
      `expected the columns id or path, and label, found ${columns}`,
      remedy,
    );
  }
  return {
    id,
    label,
    subject: find(columns.subject, USUAL.subject),
    class: find(columns.class, USUAL.class),
  };
}

type MatchColumns = Columns & { part: string | undefined };
type MatchOptions = Omit<LabelOptions, "columns"> & {
  columns: MatchColumns;
  reasons: KnownReasons | undefined;
};

function matchRows(
  volumes: readonly SourceVolume[],
  rows: readonly TableRow[],
  options: MatchOptions,
  problems: LabelProblems,
  left: SetAside[],
): Map<SourceVolume, TableRow> {
  const byName = namesOf(volumes, options.key, (name) => name);
  const byComposed = namesOf(volumes, options.key, composed);
  const matched = new Map<SourceVolume, TableRow>();
  for (const row of rows) {
    const name = (row.values[options.columns.id] ?? "").replaceAll("\\", "/").replace(/^(\.?\/)+/, "");
    const asWritten = byName.get(name) ?? byName.get(basename(name));
    const matching =
      asWritten ?? byComposed.get(composed(name)) ?? byComposed.get(composed(basename(name))) ?? [];
    const several = matching.length > 1 && matching.some(({ series }) => series === null);
    if (matching.length === 0) {
      const shown = name === "" ? `line ${row.line}: empty ${options.columns.id}` : name;
      const reason = options.reasons?.of(name) ?? null;
      if (options.skipUnlabelled && name !== "")
        left.push({ path: shown, reason: reason ?? "is in the labels file, but not among the volumes" });
      else problems.unmatched.push(reason === null ? shown : `${shown}: ${reason}`);
    } else if (several) problems.invalid.push(`${name}: matches ${matching.length} volumes; use their paths`);
    else {
      for (const volume of chooseSeries(matching, options.series, problems, left)) {
        const before = matched.get(volume);
        if (before === undefined) matched.set(volume, row);
        else if (differ(before, row, options.columns))
          problems.conflicting.push(`${name}: lines ${before.line} and ${row.line}`);
      }
    }
  }
  return matched;
}

function namesOf(
  volumes: readonly SourceVolume[],
  key: Key | undefined,
  form: (name: string) => string,
): Map<string, SourceVolume[]> {
  const byName = new Map<string, SourceVolume[]>();
  for (const volume of volumes) {
    const kinds = key === undefined ? KEYS : [key];
    // Values of a CSV file are trimmed, so the names of files are too.
    for (const name of new Set(
      kinds.flatMap((kind) => volume.names[kind]).flatMap((name) => [form(name), form(name.trim())]),
    )) {
      const same = byName.get(name);
      if (same === undefined) byName.set(name, [volume]);
      else same.push(volume);
    }
  }
  return byName;
}

/** Whether two rows of one volume contradict each other. */
function differ(a: TableRow, b: TableRow, { label, subject, class: name, part }: MatchColumns): boolean {
  const parts = [a, b].map(({ values }) => (part === undefined ? null : partOf(values[part] ?? "")));
  if (parts[0] !== parts[1]) return true;
  return [label, subject, name].some(
    (column) => column !== undefined && a.values[column] !== b.values[column],
  );
}

function finish(
  source: string,
  volumes: LabelledVolume[],
  problems: LabelProblems,
  names: ReadonlyMap<number, string>,
  left: SetAside[],
  nameless: readonly SourceVolume[] = [],
): Omit<Labelling, "columns"> {
  problems.conflicting.push(...subjectsInTwoParts(volumes));
  if (Object.values(problems).some((list: string[]) => list.length > 0))
    throw new LabelsError(source, problems);
  const count = volumes.reduce((most, { label }) => Math.max(most, label + 1), 0);
  const classes = Array.from({ length: count }, (_, label) => names.get(label) ?? String(label));
  // Two labels with one name could not be distinguished.
  const unique = new Set(classes).size === classes.length;
  const shown = unique ? classes : classes.map((_, label) => String(label));
  return { volumes, classes: shown, left, warnings: subjectWarnings(volumes, nameless) };
}

/** If every volume comes with a part, this is found before hours of preparation. */
function subjectsInTwoParts(volumes: readonly LabelledVolume[]): string[] {
  if (volumes.some(({ part }) => part === null)) return [];
  const first = new Map<string, LabelledVolume>();
  return volumes.flatMap((volume) => {
    const other = first.get(volume.subject) ?? volume;
    first.set(volume.subject, other);
    if (other.part === volume.part) return [];
    return [`subject ${volume.subject}: ${other.path} is in ${other.part}, ${volume.path} in ${volume.part}`];
  });
}
