/**
 * Warns if the geometry, the values, the headers or the embedding of a scan are unlike those of the training scans. A
 * warning changes no number.
 */
import { familiarityDistance } from "@slicestack/stats/internal/applied";
import { preparationDoubts } from "@slicestack/volume";
import { scanGeometry } from "../data/scan-geometry.js";
import { histogramDistance, valueHistogram } from "../data/value-histogram.js";
import type { Decision, Familiarity } from "../models/decision.js";
import type { PreparedScan } from "../data/prepare/volume.js";

export interface ScanWarning {
  /** spacing, extent, slices, tilt, values, embedding, prepared, or the column of a fact from the headers. */
  code: string;
  message: string;
}

/** The properties of a scan that are compared. */
export interface ComparedScan {
  prepared: Pick<PreparedScan, "slices_SHW" | "original" | "facts">;
  /** Facts about the acquisition from the headers. */
  facts: Readonly<Record<string, string>>;
  /** The embedding by the model whose familiarity is used; null if it has none. */
  embedding: ArrayLike<number> | null;
}

/**
 * A bound counts as exceeded when a scan lies more than a tenth beyond it, because the extremes of small training sets
 * are partly chance.
 */
const MARGIN = 0.1;

/** @param decision null if the model was not evaluated, so that there is nothing to compare with */
export function warningsOf(
  scan: ComparedScan,
  decision: Pick<Decision, "familiarity"> | null,
): ScanWarning[] {
  const familiarity = decision?.familiarity ?? null;
  const prepared = preparationDoubts(scan.prepared.facts).map((message) => ({ code: "prepared", message }));
  if (familiarity === null) return prepared;
  return [
    ...prepared,
    ...geometryWarnings(scan.prepared.original, familiarity.geometry),
    ...valueWarnings(scan.prepared.slices_SHW, familiarity),
    ...factWarnings(scan.facts, familiarity.facts),
    ...embeddingWarnings(scan.embedding, familiarity),
  ];
}

function geometryWarnings(
  original: ComparedScan["prepared"]["original"],
  known: Familiarity["geometry"],
): ScanWarning[] {
  const scan = scanGeometry(original);
  const axes = ["across (x)", "from front to back (y)", "between slices (z)"];
  const sides = ["wide (x)", "deep (y)", "high (z)"];
  const checks: [
    code: string,
    what: string,
    value: number,
    range: readonly [number, number],
    unit: string,
  ][] = [
    ...axes.map((axis, k) =>
      check("spacing", `The spacing ${axis}`, scan.spacing[k]!, known.spacing[k]!, " mm"),
    ),
    ...sides.map((side, k) =>
      check("extent", `The scan, ${side},`, scan.extent[k]!, known.extent[k]!, " mm"),
    ),
    check("slices", "The number of slices", scan.slices, known.slices, ""),
  ];
  const warnings = checks
    .filter(([, , value, [low, high]]) => value < low * (1 - MARGIN) || value > high * (1 + MARGIN))
    .map(([code, what, value, [low, high], unit]) => ({
      code,
      message: `${what} is ${short(value)}${unit}; training volumes have ${span(low, high)}${unit}`,
    }));
  const [, steepest] = known.tilt;
  if (scan.tilt <= steepest + 5) return warnings;
  const message = `The scan is turned by ${short(scan.tilt)} degrees; training volumes by at most ${short(steepest)}`;
  return [...warnings, { code: "tilt", message }];
}

const check = (
  code: string,
  what: string,
  value: number,
  range: readonly [number, number],
  unit: string,
): [string, string, number, readonly [number, number], string] => [code, what, value, range, unit];

function valueWarnings(
  voxels: PreparedScan["slices_SHW"],
  { values, falseAlarmRate }: Familiarity,
): ScanWarning[] {
  if (values.limit === null) return [];
  const distance = histogramDistance(valueHistogram(voxels, values.range), values.shares);
  if (distance <= values.limit) return [];
  const percent = (share: number) => `${short(100 * share)} %`;
  const message =
    `The values are distributed differently from those of training volumes: on average ${percent(distance)} of the range ` +
    `away, where ${percent(1 - falseAlarmRate)} of validation volumes are within ${percent(values.limit)}`;
  return [{ code: "values", message }];
}

const FACT_WORDS: Record<string, string> = {
  modality: "The modality",
  body_part: "The body part",
  kernel: "The reconstruction kernel",
  manufacturer: "The manufacturer",
};

function factWarnings(facts: Readonly<Record<string, string>>, known: Familiarity["facts"]): ScanWarning[] {
  return Object.entries(known).flatMap(([name, values]) => {
    const value = (facts[name] ?? "").trim();
    if (value === "" || values.some((one) => one.toLowerCase() === value.toLowerCase())) return [];
    const seen =
      values.length > 4
        ? `${values.slice(0, 4).join(", ")} and ${values.length - 4} more`
        : values.join(", ");
    return [
      { code: name, message: `${FACT_WORDS[name] ?? name} is ${value}; training volumes have ${seen}` },
    ];
  });
}

function embeddingWarnings(
  embedding: ArrayLike<number> | null,
  { embedding: known, falseAlarmRate }: Familiarity,
): ScanWarning[] {
  if (embedding === null || known === null || known.limit === null) return [];
  const distance = familiarityDistance(known.model, embedding);
  if (distance <= known.limit) return [];
  const message =
    `The model's embedding of this scan is unlike those of its training volumes: distance ${short(distance)}, ` +
    `where ${short(100 * (1 - falseAlarmRate))} % of validation volumes are within ${short(known.limit)}`;
  return [{ code: "embedding", message }];
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
const span = (low: number, high: number): string =>
  short(low) === short(high) ? short(low) : `${short(low)} to ${short(high)}`;
