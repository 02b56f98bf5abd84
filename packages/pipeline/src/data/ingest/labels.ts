/** Joins volumes with what is known of them: a labels file, class folders, or the archive they came in. */
import { basename } from "node:path";
import { readTable, type Table, type TableRow } from "../csv.js";
import { LabelsError, TableError, type LabelProblems } from "../errors.js";
import { furtherColumns } from "./columns.js";
import type { KnownReasons } from "./known-reasons.js";
import { chooseSeries } from "./series.js";
import { KEYS, type Key, type Labelling, type LabelledVolume, type SetAside, type SourceVolume } from "./source.js";

export interface LabelOptions {
  /** Columns of the labels file; default: the first of the usual names that is there. */
  columns?: { id?: string; label?: string; subject?: string; class?: string };
  /** What the ids are; default: whatever they match. */
  key?: Key;
  /** Which series of a study: thinnest, a UID, or a regular expression on the series' description. */
  series?: string;
  /** Leave out what has no label or no volume instead of refusing it. */
  skipUnlabelled?: boolean;
  /** Further columns of the labels file that go into the data set; default: all that do not look personal. */
  keepColumns?: readonly string[];
  /** Names of persons may be kept, where `keepColumns` asks for them. */
  keepIds?: boolean;
}

/** More classes than this are taken for a mistaken column. */
const MOST_CLASSES = 1000;
const ID_COLUMNS = ["id", "path", "file", "patient_id", "accession_number", "accession", "study_uid", "series_uid"];
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
  const table = readTable(path);
  const columns = columnsOf(table, options);
  const problems = noProblems();
  const left: SetAside[] = [];
  const numbers = labelNumbers(table, columns.label);
  const rows = matchRows(volumes, table.rows, { ...options, columns, reasons }, problems, left);
  const used = new Set([columns.id, columns.label, columns.subject, columns.class, "id", "path", "subject", "label", "class"]); // prettier-ignore
  const further = furtherColumns(table, used, options);
  const names = new Map(numbers.names);
  const labelled: LabelledVolume[] = [];
  const chosenAway = new Set(left.map(({ path }) => path));
  for (const volume of volumes) {
    const matched = rows.get(volume);
    if (matched === undefined) {
      if (!chosenAway.has(volume.path)) unlabelled(volume, options, problems, left);
      continue;
    }
    const { values } = matched;
    if ((values[columns.label] ?? "") === "") {
      unlabelled(volume, options, problems, left);
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
    const name = (columns.class === undefined ? undefined : values[columns.class]) || volume.className;
    if (name && !names.has(label)) names.set(label, name);
    const subject =
      (columns.subject === undefined ? undefined : values[columns.subject]) || volume.subject || volume.id;
    const extra = Object.fromEntries(further.kept.map((column) => [column, values[column] ?? ""]));
    labelled.push({ ...volume, subject, label, extra: { ...volume.facts, ...extra } });
  }
  return { ...finish(path, labelled, problems, names, left), columns: further };
}

/** Labels from the folders class_0/, class_1/ …, or as an archive gives them. @throws LabelsError */
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

function unlabelled(volume: SourceVolume, options: LabelOptions, problems: LabelProblems, left: SetAside[]): void {
  if (options.skipUnlabelled) left.push({ path: volume.path, reason: "has no label" });
  else problems.unlabelled.push(volume.path);
}

interface Columns {
  id: string;
  label: string;
  subject: string | undefined;
  class: string | undefined;
}

function columnsOf(table: Table, { columns = {}, key }: LabelOptions): Columns {
  const plain = (name: string) => name.toLowerCase().replace(/instance|[^a-z]/g, "");
  const find = (wanted: string | undefined, usual: readonly string[]) => {
    if (wanted !== undefined) {
      if (table.columns.includes(wanted)) return wanted;
      throw new TableError(table.file, 1, `expected the column ${wanted}, found ${table.columns.join(", ")}`, "Name one that is there."); // prettier-ignore
    }
    for (const name of usual) {
      const found = table.columns.find((column) => plain(column) === plain(name));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const id = find(columns.id, key === undefined ? ID_COLUMNS : [key, ...ID_COLUMNS]);
  const label = find(columns.label, USUAL.label);
  if (id === undefined || label === undefined) {
    const remedy =
      "Name the columns id (or path) and label, or say which they are with --id-column and --label-column.";
    const found = table.columns.join(", ");
    throw new TableError(table.file, 1, `expected the columns id or path, and label, found ${found}`, remedy);
  }
  return { id, label, subject: find(columns.subject, USUAL.subject), class: find(columns.class, USUAL.class) };
}

interface LabelNumbers {
  /** null where a text is no label. */
  of: (text: string) => number | null;
  names: ReadonlyMap<number, string>;
}

/** Whole numbers as they are; texts such as CT-0 by their number; other texts by their alphabetical place. */
function labelNumbers({ rows }: Table, column: string): LabelNumbers {
  const texts = [...new Set(rows.map(({ values }) => values[column] ?? "").filter((text) => text !== ""))];
  const whole = (text: string) => {
    const number = /^\d+(\.0+)?$/.test(text) ? Number(text) : NaN;
    return number < MOST_CLASSES ? number : null;
  };
  // One number among the texts: the others are mistakes, not names.
  if (texts.length === 0 || texts.some((text) => whole(text) !== null)) return { of: whole, names: new Map() };
  const numbered = texts.map((text) => /^(\D*?)(\d+)$/.exec(text));
  const prefix = numbered[0]?.[1];
  if (prefix !== undefined && numbered.every((match) => match?.[1] === prefix)) {
    const entries = numbered.map((match): [number, string] => [Number(match?.[2]), match?.[0] ?? ""]);
    const byText = new Map(entries.map(([number, text]) => [text, number]));
    if (new Set(byText.values()).size === texts.length)
      return { of: (text) => byText.get(text) ?? null, names: new Map(entries) };
  }
  if (texts.length > 50) return { of: whole, names: new Map() };
  const sorted = texts.sort();
  return {
    of: (text) => (sorted.includes(text) ? sorted.indexOf(text) : null),
    names: new Map(sorted.map((text, label) => [label, text])),
  };
}

type MatchOptions = Omit<LabelOptions, "columns"> & { columns: Columns; reasons: KnownReasons | undefined };

function matchRows(
  volumes: readonly SourceVolume[],
  rows: readonly TableRow[],
  options: MatchOptions,
  problems: LabelProblems,
  left: SetAside[],
): Map<SourceVolume, TableRow> {
  const byName = namesOf(volumes, options.key);
  const matched = new Map<SourceVolume, TableRow>();
  for (const row of rows) {
    const name = (row.values[options.columns.id] ?? "").replaceAll("\\", "/").replace(/^(\.?\/)+/, "");
    const found = byName.get(name) ?? byName.get(basename(name)) ?? [];
    const several = found.length > 1 && found.some(({ series }) => series === null);
    if (found.length === 0) {
      const shown = name === "" ? `line ${row.line}: empty ${options.columns.id}` : name;
      const reason = options.reasons?.of(name) ?? null;
      if (options.skipUnlabelled && name !== "")
        left.push({ path: shown, reason: reason ?? "is in the labels file, but not among the volumes" });
      else problems.unmatched.push(reason === null ? shown : `${shown}: ${reason}`);
    } else if (several) problems.invalid.push(`${name}: the name of ${found.length} volumes, give their path`);
    else {
      for (const volume of chooseSeries(found, options.series, problems, left)) {
        const before = matched.get(volume);
        if (before === undefined) matched.set(volume, row);
        else if (differ(before, row, options.columns))
          problems.conflicting.push(`${name}: lines ${before.line} and ${row.line}`);
      }
    }
  }
  return matched;
}

function namesOf(volumes: readonly SourceVolume[], key: Key | undefined): Map<string, SourceVolume[]> {
  const byName = new Map<string, SourceVolume[]>();
  for (const volume of volumes) {
    const kinds = key === undefined ? KEYS : [key];
    // Values of a CSV file are trimmed, so the names of files are too.
    for (const name of new Set(kinds.flatMap((kind) => volume.names[kind]).flatMap((name) => [name, name.trim()]))) {
      const same = byName.get(name);
      if (same === undefined) byName.set(name, [volume]);
      else same.push(volume);
    }
  }
  return byName;
}

function differ(a: TableRow, b: TableRow, { label, subject }: Columns): boolean {
  return [label, subject].some((column) => column !== undefined && a.values[column] !== b.values[column]);
}

function finish(
  source: string,
  volumes: LabelledVolume[],
  problems: LabelProblems,
  names: ReadonlyMap<number, string>,
  left: SetAside[],
): Omit<Labelling, "columns"> {
  if (Object.values(problems).some((list: string[]) => list.length > 0)) throw new LabelsError(source, problems);
  const count = volumes.reduce((most, { label }) => Math.max(most, label + 1), 0);
  const classes = Array.from({ length: count }, (_, label) => names.get(label) ?? String(label));
  // Two labels under one name would be told apart nowhere.
  const unique = new Set(classes).size === classes.length;
  return { volumes, classes: unique ? classes : classes.map((_, label) => String(label)), left };
}
