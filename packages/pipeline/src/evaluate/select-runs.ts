/** Sorts and filters runs, and formats them as a table. */
import { RangeOfParameterError } from "@slicestack/stats";
import { sparkline, type RunRow } from "./list-runs.js";
import { formatEstimate, formatNumber } from "../page/format.js";

const KEYS: Record<string, (run: RunRow) => string | number> = {
  folder: ({ folder }) => folder,
  name: ({ name }) => name,
  method: ({ method }) => method,
  status: ({ status }) => status,
  created: ({ created }) => created,
  dataset: ({ dataset }) => dataset,
  seed: ({ seed }) => seed,
  epochs: ({ epochs }) => epochs,
  val: ({ val }) => val,
  select: ({ select }) => select,
  test: ({ test }) => test?.value ?? NaN,
  reads: ({ testReads }) => testReads,
};

export const RUN_KEYS: readonly string[] = Object.keys(KEYS);

/** @param key one of RUN_KEYS; a "-" before it means descending; unknown values are last   @throws RangeOfParameterError */
export function sortRuns(runs: readonly RunRow[], key: string): RunRow[] {
  const isDescending = key.startsWith("-");
  const of = keyOf(isDescending ? key.slice(1) : key);
  const collator = new Intl.Collator("en", { numeric: true });
  const order = (a: string | number, b: string | number) =>
    typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
  const known = (value: string | number) =>
    value !== "" && !(typeof value === "number" && !Number.isFinite(value));
  return [...runs].sort((a, b) => {
    const [x, y] = [of(a), of(b)];
    if (known(x) !== known(y)) return known(x) ? -1 : 1;
    return known(x) ? (isDescending ? order(y, x) : order(x, y)) : 0;
  });
}

const FILTER = /^(\w+)(>=|<=|!=|=|>|<)(.*)$/;

/**
 * Runs that meet every filter: KEY=VALUE, KEY!=VALUE (for text: contains the value, case-insensitive),
 * KEY>VALUE and the like (numbers, and times as ISO 8601).
 * @throws RangeOfParameterError for text that is not a filter
 */
export function filterRuns(runs: readonly RunRow[], filters: readonly string[]): RunRow[] {
  const tests = filters.map((filter) => {
    const match = FILTER.exec(filter);
    if (match === null)
      throw new RangeOfParameterError("filter", "KEY=VALUE, or another of != < <= > >=", filter);
    const [, key = "", operator = "", value = ""] = match;
    const of = keyOf(key);
    return (run: RunRow) => meets(of(run), operator, value);
  });
  return runs.filter((run) => tests.every((test) => test(run)));
}

function meets(value: string | number, operator: string, wanted: string): boolean {
  if (operator === "=" || operator === "!=") {
    const equal =
      typeof value === "number"
        ? value === Number(wanted)
        : value.toLowerCase().includes(wanted.toLowerCase());
    return equal === (operator === "=");
  }
  const [a, b] = typeof value === "number" ? [value, Number(wanted)] : [value, wanted];
  if (operator === ">") return a > b;
  if (operator === "<") return a < b;
  return operator === ">=" ? a >= b : a <= b;
}

function keyOf(key: string): (run: RunRow) => string | number {
  const of = KEYS[key];
  if (of === undefined) throw new RangeOfParameterError("key of runs", RUN_KEYS.join(", "), key);
  return of;
}

export function runsText(runs: readonly RunRow[]): string {
  if (runs.length === 0) return "No runs found.";
  const columns = [
    "folder",
    "name",
    "method",
    "status",
    "created",
    "epochs",
    "val",
    "by",
    "test",
    "reads",
    "curve on val",
  ];
  const rows = runs.map((run) => [
    run.folder,
    run.name,
    run.method,
    run.status,
    run.created.replace("T", " ").slice(0, 16),
    String(run.epochs),
    formatNumber(run.val),
    run.select || "–",
    run.test === null ? "–" : formatEstimate(run.test),
    String(run.testReads),
    run.curves.map(({ values }) => sparkline(values)).join(" "),
  ]);
  const widths = columns.map((title, k) => Math.max(title.length, ...rows.map((row) => row[k]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, k) => cell.padEnd(widths[k]!))
      .join("  ")
      .trimEnd();
  const problems = runs.flatMap(({ folder, problem }) => (problem === null ? [] : [`${folder}: ${problem}`]));
  return [
    line(columns),
    widths.map((width) => "─".repeat(width)).join("──"),
    ...rows.map(line),
    "",
    "val: score on val of the epoch that training kept, by the metric that chose it (by); test: balanced accuracy on test.",
    ...problems,
  ].join("\n");
}
