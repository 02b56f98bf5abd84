/**
 * Warnings where the geometry, the values or the headers of a scan are unlike those of training scans. A warning changes
 * no number.
 */
import type { StoreArray } from "./store-dtype.js";
import { scanGeometry } from "./scan-geometry.js";
import { histogramDistance, valueHistogram } from "./value-histogram.js";

type Range = readonly [number, number];
type Triple<T> = readonly [T, T, T];

/** What an evaluation noted of the training scans. Lengths in mm along x, y and z of the scan turned to LPS. */
export interface FamiliarScans {
  /** Expected share of scans like those of validation that a warning with a limit is raised for. */
  falseAlarmRate: number;
  /** Smallest and largest value; `tilt` in degrees. */
  geometry: { spacing: Triple<Range>; extent: Triple<Range>; slices: Range; tilt: Range };
  /** Mean histogram of the prepared values, and the distance from it that counts as unlike; null if it is not known. */
  values: { range: Range; shares: readonly number[]; limit: number | null };
  /** What headers say, by the name of the fact. */
  facts: Readonly<Record<string, readonly string[]>>;
}

export interface ScanWarning {
  /** spacing, extent, slices, tilt, values, embedding, prepared, or the name of a fact from the headers. */
  code: string;
  message: string;
}

/** The properties of a scan that are compared. */
export interface ComparedScan {
  /** The prepared voxels, S x H x W. */
  slices_SHW: StoreArray;
  /** The scan before it was prepared, turned to LPS. */
  original: Parameters<typeof scanGeometry>[0];
  /** Facts about the acquisition from the headers. */
  facts: Readonly<Record<string, string>>;
}

/**
 * A bound counts as exceeded when a scan lies more than a tenth beyond it, because the extremes of small training sets
 * are partly chance.
 */
const MARGIN = 0.1;

export function familiarityWarnings(
  { slices_SHW, original, facts }: ComparedScan,
  known: FamiliarScans,
): ScanWarning[] {
  return [
    ...geometryWarnings(original, known.geometry),
    ...valueWarnings(slices_SHW, known),
    ...factWarnings(facts, known.facts),
  ];
}

function geometryWarnings(
  original: ComparedScan["original"],
  known: FamiliarScans["geometry"],
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

function valueWarnings(voxels: StoreArray, { values, falseAlarmRate }: FamiliarScans): ScanWarning[] {
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

function factWarnings(facts: Readonly<Record<string, string>>, known: FamiliarScans["facts"]): ScanWarning[] {
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

const short = (value: number): string => String(Number(value.toPrecision(3)));
const span = (low: number, high: number): string =>
  short(low) === short(high) ? short(low) : `${short(low)} to ${short(high)}`;
