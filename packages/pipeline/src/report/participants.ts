/** Table 1: the subjects of each part, by columns of the labels file. */
import { quantile } from "@slicestack/stats";
import { isMissing } from "../data/missing-value.js";
import { subjectColumns, type SubjectTable } from "../evaluate/subject-table.js";
import { formatNumber } from "../page/format.js";

export interface Participants {
  columns: string[];
  rows: string[][];
}

export interface ParticipantPart {
  name: string;
  volumes: readonly { id: string; subject: string }[];
  table: SubjectTable;
}

/** Numbers with more distinct values than this are summarised by quartiles; fewer are levels. */
const FEW = 6;
/** With more levels than this, only their number is shown. */
const MOST_LEVELS = 12;

/**
 * One row per numeric column (median and quartiles) or level (subjects and their fraction), one column per part; null if
 * nothing is known.
 */
export function participantsOf(parts: readonly ParticipantPart[]): Participants | null {
  const shown = parts.filter(({ volumes }) => volumes.length > 0);
  const names = [...new Set(shown.flatMap(({ table }) => subjectColumns(table)))];
  const rows = names.flatMap((name) =>
    columnRows(
      name,
      shown.map((part) => bySubject(part, name)),
    ),
  );
  if (rows.length === 0) return null;
  const counts = shown.map(({ volumes }) => new Set(volumes.map(({ subject }) => subject)).size);
  return { columns: ["", ...shown.map(({ name }, k) => `${name} (n = ${counts[k]})`)], rows };
}

/** The value of each subject: that of its first volume with a value. */
function bySubject({ volumes, table }: ParticipantPart, name: string): string[] {
  const values = new Map<string, string>();
  for (const { id, subject } of volumes) {
    const cell = (table.rows.get(id)?.[name] ?? "").trim();
    const value = isMissing(cell) ? "" : cell;
    if ((values.get(subject) ?? "") === "") values.set(subject, value);
  }
  return [...values.values()];
}

function columnRows(name: string, parts: readonly (readonly string[])[]): string[][] {
  const known = parts.flat().filter((value) => value !== "");
  const levels = [...new Set(known)].sort(new Intl.Collator("en", { numeric: true }).compare);
  if (levels.length === 0) return [];
  const missing = parts.map((values) => values.filter((value) => value === "").length);
  const ofMissing = missing.some((count) => count > 0)
    ? [[`${name}, missing`, ...missing.map((count, k) => share(count, parts[k]!.length))]]
    : [];
  if (levels.length > FEW && known.every((value) => Number.isFinite(Number(value))))
    return [[`${name}, median [quartiles]`, ...parts.map(middleOf)], ...ofMissing];
  if (levels.length > MOST_LEVELS)
    return [
      [`${name}, different values`, ...parts.map((values) => String(new Set(values.filter(Boolean)).size))],
      ...ofMissing,
    ];
  const ofLevel = levels.map((level) => [
    `${name}: ${level}`,
    ...parts.map((values) => share(values.filter((value) => value === level).length, values.length)),
  ]);
  return [...ofLevel, ...ofMissing];
}

/** "12 (24 %)" */
const share = (count: number, of: number): string => `${count} (${Math.round((100 * count) / of)} %)`;

function middleOf(values: readonly string[]): string {
  const numbers = Float64Array.from(values.filter(Boolean), Number).sort();
  if (numbers.length === 0) return "–";
  const [low, middle, high] = [0.25, 0.5, 0.75].map((at) => quantile(numbers, at));
  const digits = numbers.every(Number.isInteger) ? 0 : 1;
  return `${formatNumber(middle!, digits)} [${formatNumber(low!, digits)}, ${formatNumber(high!, digits)}]`;
}
