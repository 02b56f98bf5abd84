/** The plan of a sweep as lines of text. */
import { alignedTable } from "../page/format.js";
import { visible } from "../page/visible.js";
import type { PlannedPoint, SweepPlan } from "./plan-sweep.js";
import type { JsonValue } from "./trial.js";

/** The most points that are printed. */
const MOST_SHOWN = 200;

export function planText(plan: SweepPlan): string {
  const { name, points, seeds, folds, trials, later, search, objective, minimizes, notes, cost } = plan;
  const times = [
    count(seeds.length, "seed"),
    ...(folds[0] === null ? [] : [count(folds.length, "fold")]),
  ].join(" and ");
  const head = [
    `Sweep ${visible(name)}: ${count(points.length, "point")}${later === 0 ? "" : ` now, ${later ?? "any number"} later`}, ${times} each: ${trials ?? "any number of"} trials`,
    `Objective: ${minimizes ? "lowest" : "highest"} ${objective} on the validation set; search: ${search}`,
  ];
  const shown = points.slice(0, MOST_SHOWN);
  const rows = shown.map((point) => [
    trialsWord(point),
    visible(point.name ?? point.source),
    changesOf(point),
    statesOf(point),
  ]);
  const hasStates = rows.some(([, , , states]) => states !== "");
  const columns = ["trials", "point", "changes", ...(hasStates ? ["state"] : [])];
  const table = alignedTable([columns, ...rows.map((row) => row.slice(0, columns.length))]);
  const more = points.length - shown.length;
  return [
    ...head,
    "",
    table,
    ...(more > 0 ? [`… and ${count(more, "more point")}; --json lists all`] : []),
    ...(cost === null ? [] : ["", costText(plan, cost)]),
    ...(notes.length > 0 ? ["", ...notes] : []),
  ].join("\n");
}

/** The time of the listed points; later points are assumed to take as long. */
function costText(
  { points, later }: SweepPlan,
  { device, seconds, longest, measured, models }: NonNullable<SweepPlan["cost"]>,
): string {
  const all = later === null ? seconds : (seconds * (points.length + later)) / Math.max(1, points.length);
  const part = measured === models ? "" : `; ${measured} of ${models} models were measured`;
  return `Estimated on ${device}, one trial at a time: ${duration(all)}; the longest trial ${duration(longest)}. Shared slice stages count once${part}.`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 2 * 86400 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86400).toFixed(1)} days`;
}

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? "" : "s"}`;

function trialsWord({ trials }: PlannedPoint): string {
  const [first, last] = [trials[0], trials.at(-1)];
  if (first === undefined || last === undefined) return "";
  return first === last ? first.id : `${first.id}-${last.id}`;
}

/** The settings of a point, as in a file. */
export function changesOf({ settings }: Pick<PlannedPoint, "settings">): string {
  const parts = Object.entries(settings).map(([key, value]) => `${key}: ${shownValue(value)}`);
  return parts.length === 0 ? "nothing" : visible(parts.join(", "));
}

export function shownValue(value: JsonValue): string {
  if (typeof value === "number") return String(Number(value.toPrecision(4)));
  return typeof value === "string" ? value : JSON.stringify(value);
}

function statesOf({ trials }: PlannedPoint): string {
  const states = new Map<string, number>();
  for (const { state } of trials) states.set(state, (states.get(state) ?? 0) + 1);
  if (states.size === 1 && states.has("waiting")) return "";
  return [...states].map(([state, number]) => `${number} ${state}`).join(", ");
}
