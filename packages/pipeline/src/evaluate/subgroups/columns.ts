/** Turns a column of the subjects table into groups: categories unchanged, numbers cut into bins by a stated rule. */
import { quantile, RangeOfParameterError, ShapeError } from "@slicestack/stats";
import { isMissing } from "../../data/missing-value.js";

/** One group for each row. */
export interface SubgroupColumn {
  name: string;
  /** how the groups were made, in words, for the report */
  rule: string;
  groups: readonly string[];
  /** index into `groups`, one per row */
  groupOf: Int32Array;
}

/** How numbers are cut. */
export type Cut =
  /** at these values: each bin contains its lower edge */
  | { edges: readonly number[] }
  /** into this many groups of about equal size, at the quantiles of the rows */
  | { quantiles: number };

/** More groups than this tell nothing in a test set of usual size; an id column, given by mistake, has one per row. */
const MOST_GROUPS = 20;

/** A column of at most this many distinct numbers is treated as categories (0/1, a grade, a scanner number). */
const FEW_NUMBERS = 6;

/** The group of rows without a value. */
export const MISSING = "missing";

/**
 * A column of text from a table. If every value is a number and more than six are distinct, the numbers are cut into three
 * groups of about equal size, or as `cut` says; otherwise each value is a category.
 * @param values missing values (empty, a dash or a word for "missing") do not prevent a column from being numeric
 * @throws RangeOfParameterError for more than 20 groups; as numericColumn
 */
export function subgroupColumn(name: string, values: readonly string[], cut?: Cut): SubgroupColumn {
  const texts = values.map((value) => (isMissing(value) ? "" : value.trim()));
  const numbers = texts.map((text) => (text === "" ? null : Number(text)));
  const known = numbers.filter((value) => value !== null);
  const numeric = known.length > 0 && known.every(Number.isFinite);
  if (numeric && (cut !== undefined || new Set(known).size > FEW_NUMBERS))
    return numericColumn(name, numbers, cut ?? { quantiles: 3 });
  if (cut !== undefined)
    throw new RangeOfParameterError(
      `column ${name}`,
      "numbers to cut",
      texts.find((t) => Number.isNaN(Number(t))) ?? "no value",
    );
  return categoricalColumn(name, texts);
}

/** Each value is a group, in alphabetical order, missing last. @throws ShapeError, RangeOfParameterError */
export function categoricalColumn(name: string, values: readonly string[]): SubgroupColumn {
  checkRows(name, values.length);
  const collator = new Intl.Collator("en", { numeric: true });
  const groups = [...new Set(values)].filter((value) => value !== "").sort(collator.compare);
  if (groups.length > MOST_GROUPS)
    throw new RangeOfParameterError(
      `column ${name}`,
      `at most ${MOST_GROUPS} groups`,
      `${groups.length} different values`,
    );
  const index = new Map(groups.map((group, g) => [group, g]));
  return withMissing(
    name,
    "each value is a group",
    groups,
    values.map((value) => index.get(value)),
  );
}

/**
 * Numbers cut into bins. If many rows share a value, quantiles coincide and there are fewer bins.
 * @param values null: missing   @throws ShapeError, RangeOfParameterError (NaN, edges that do not increase, too many bins)
 */
export function numericColumn(name: string, values: readonly (number | null)[], cut: Cut): SubgroupColumn {
  checkRows(name, values.length);
  const known = Float64Array.from(values.filter((value) => value !== null)).sort();
  const bad = known.find((value) => !Number.isFinite(value));
  if (bad !== undefined) throw new RangeOfParameterError(`column ${name}`, "finite numbers", String(bad));
  const edges = "edges" in cut ? checkEdges(name, cut.edges) : quantileEdges(name, known, cut.quantiles);
  const shown = edges.map((edge) => String(Number(edge.toPrecision(6))));
  const groups = [
    ...edges.map((_, b) => (b === 0 ? `< ${shown[b]}` : `${shown[b - 1]}–${shown[b]}`)),
    edges.length === 0 ? "all" : `≥ ${shown[shown.length - 1]}`,
  ];
  const at = shown.length === 0 ? "nowhere, because all values are equal" : `at ${shown.join(", ")}`;
  const upper = edges.length > 1 ? ", each without its upper bound" : "";
  const rule =
    "edges" in cut ? `cut ${at}${upper}` : `${cut.quantiles} groups of about equal size, cut ${at}${upper}`;
  const binOf = (value: number) => edges.filter((edge) => value >= edge).length;
  return withMissing(
    name,
    rule,
    groups,
    values.map((value) => (value === null ? undefined : binOf(value))),
  );
}

function checkRows(name: string, rows: number): void {
  if (rows === 0) throw new ShapeError(`column ${name}`, "at least one row", "none");
}

function checkEdges(name: string, edges: readonly number[]): number[] {
  const rising = edges.every((edge, i) => Number.isFinite(edge) && (i === 0 || edge > edges[i - 1]!));
  if (!rising || edges.length === 0 || edges.length >= MOST_GROUPS)
    throw new RangeOfParameterError(
      `column ${name}: edges`,
      `1 to ${MOST_GROUPS - 1} increasing numbers`,
      edges.join(", ") || "none",
    );
  return [...edges];
}

function quantileEdges(name: string, sorted: Float64Array, bins: number): number[] {
  if (!Number.isInteger(bins) || bins < 2 || bins > MOST_GROUPS)
    throw new RangeOfParameterError(
      `column ${name}: quantiles`,
      `an integer 2..${MOST_GROUPS}`,
      String(bins),
    );
  if (sorted.length === 0) return [];
  const edges = Array.from({ length: bins - 1 }, (_, b) => quantile(sorted, (b + 1) / bins));
  const lowest = sorted[0]!;
  const step = roundStep(sorted.at(-1)! - lowest);
  // A bound that rounding would move outside the values is not rounded.
  const rounded = edges.map((edge) => {
    const round = Number((Math.round(edge / step) * step).toPrecision(12));
    return round > lowest && round <= sorted.at(-1)! ? round : edge;
  });
  return [...new Set(rounded)].filter((edge) => edge > lowest);
}

/** Bounds are rounded to this, to be readable: 1 for ages that span 70 years, 0.1 for millimetres from 1 to 3. */
const roundStep = (range: number): number => (range > 0 ? 10 ** Math.floor(Math.log10(range / 10)) : 1);

function withMissing(
  name: string,
  rule: string,
  groups: readonly string[],
  groupIndices: readonly (number | undefined)[],
): SubgroupColumn {
  const anyMissing = groupIndices.includes(undefined);
  return {
    name,
    rule,
    groups: anyMissing ? [...groups, MISSING] : groups,
    groupOf: Int32Array.from(groupIndices, (group) => group ?? groups.length),
  };
}
