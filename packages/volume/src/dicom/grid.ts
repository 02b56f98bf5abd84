import { message, named, type Message } from "../message.js";
import type { Triple } from "../volume.js";
import { placeText } from "./acquisitions.js";
import type { DicomSeriesError } from "./errors.js";
import { oneSlice, sliceName, type DicomSlice } from "./image.js";
import { refusal } from "./refusal.js";
import { planRegrid, type Regrid } from "./regrid.js";
import type { DicomSeries } from "./dicom-series.js";
import { analyseSpacing, mixesOver, type PlaneMix, type Spacing } from "./spacing.js";
import { tiltDegrees, type SliceStack } from "./stack.js";

/** The voxel grid of a stack. */
export interface VolumeGrid {
  shape: Triple;
  /** Distance between slices in mm. */
  spacing: number;
  origin: Triple;
  /** Slices interpolated between two slices of the stack, which are given by their index. */
  filled: { slice: number; lower: number; upper: number }[];
  /** Undefined where the slices are used unchanged. */
  regrid: Regrid | undefined;
}

export interface GridOptions {
  allowGaps?: boolean;
  tilt?: "correct" | "refuse";
}

const EXPORT_AGAIN = "Export the series again, or pass allowGaps (--allow-gaps)";

/** @throws DicomSeriesError gaps, uneven spacing or tilt that the options do not allow */
export function planGrid(stack: SliceStack, series: DicomSeries, options: GridOptions): VolumeGrid {
  const { seriesUid, slices, along, shear } = stack;
  const { columns, rows } = series;
  const origin = slices[0]?.position as Triple;
  const degrees = tiltDegrees(shear);
  if (degrees > 0 && options.tilt === "refuse") {
    const problem = `its gantry is tilted by ${degrees.toFixed(1)} degrees, so its slices are shifted against each other`;
    throw refusal(seriesUid, "gantry-tilt", slices, problem, 'Pass tilt "correct" to shear it upright.');
  }
  if (slices.length === 1) {
    const spacing = singleSpacing(seriesUid, slices[0] as DicomSlice);
    return { shape: [columns, rows, 1], spacing, origin, filled: [], regrid: undefined };
  }
  const analysed = analyseSpacing(along);
  if (analysed.kind !== "regular" && options.allowGaps !== true) throw spacingRefusal(stack, analysed);
  if (analysed.kind === "regular" && degrees === 0) {
    return {
      shape: [columns, rows, slices.length],
      spacing: analysed.spacing,
      origin,
      filled: [],
      regrid: undefined,
    };
  }
  const { spacing, mixes } =
    analysed.kind === "regular" ? asTheyAre(analysed.spacing, slices.length) : filledIn(stack, analysed);
  const plan = planRegrid(stack, columns, rows, mixes);
  const filled = mixes.flatMap(({ lower, upper, weight }, slice) =>
    weight === 0 || weight === 1 ? [] : [{ slice, lower, upper }],
  );
  return { shape: plan.shape, spacing, origin: plan.origin, filled, regrid: plan };
}

function asTheyAre(spacing: number, count: number): { spacing: number; mixes: PlaneMix[] } {
  const mixes = Array.from({ length: count }, (_, i) => ({
    lower: i,
    upper: Math.min(i + 1, count - 1),
    weight: 0,
  }));
  return { spacing, mixes };
}

/** Interpolates at most as many slices as there are. */
function filledIn(
  { seriesUid, slices, along }: SliceStack,
  analysed: Spacing,
): { spacing: number; mixes: PlaneMix[] } {
  const planes = Math.round((along.at(-1) as number) / analysed.spacing) + 1;
  if (planes <= 2 * slices.length) return mixesOver(along, analysed);
  const problem = `${planes} slices of ${mm(analysed.spacing)} would be needed to fill its gaps, it has ${slices.length}`;
  throw refusal(
    seriesUid,
    "gap-too-large",
    slices,
    problem,
    "Export the series again; most of it is missing.",
  );
}

function singleSpacing(seriesUid: string, slice: DicomSlice): number {
  const spacing = slice.spacingBetweenSlices ?? slice.sliceThickness ?? 0;
  if (spacing > 0) return spacing;
  const problem = message`its one slice (${oneSlice(slice)}) has neither SliceThickness nor SpacingBetweenSlices`;
  throw refusal(seriesUid, "missing-geometry", [slice], problem, "Export the whole series.");
}

function spacingRefusal({ seriesUid, slices, along }: SliceStack, analysed: Spacing): DicomSeriesError {
  const increments = along.slice(1).map((at, i) => at - (along[i] as number));
  if (analysed.kind !== "gaps") {
    const sorted = increments.toSorted((a, b) => a - b);
    const [least, most] = [sorted[0] as number, sorted.at(-1) as number];
    const at = increments.indexOf(most);
    const widest = message`${placed(slices[at] as DicomSlice)} and ${placed(slices[at + 1] as DicomSlice)}`;
    const problem = message`its spacing is uneven, ${mm(least)} to ${mm(most)}, the widest between ${widest}`;
    return refusal(
      seriesUid,
      "uneven-spacing",
      slices,
      problem,
      `${EXPORT_AGAIN} to interpolate slices onto an even grid (this is recorded).`,
    );
  }
  const { step, spacing } = analysed;
  const gaps = step.slice(1).map((place, i) => place - (step[i] as number) - 1);
  const missing = gaps.reduce((sum, gap) => sum + gap, 0);
  const around = gaps.flatMap((gap, i) => (gap > 0 ? [slices.slice(i, i + 2)] : []));
  const [[before, after]] = around as [[DicomSlice, DicomSlice]];
  const more = around.length > 1 ? ` and in ${around.length - 1} more places` : "";
  const many = `${missing} ${missing === 1 ? "slice is" : "slices are"} missing`;
  const where = message`between ${placed(before)} and ${placed(after)}${more}`;
  const problem = message`${many}\n  ${where}, spacing elsewhere ${mm(spacing)}`;
  return refusal(
    seriesUid,
    "missing-slices",
    around.flat(),
    problem,
    `${EXPORT_AGAIN} to interpolate them from their neighbours (this is recorded).`,
  );
}

const placed = (slice: DicomSlice): Message =>
  message`${placeText(slice)}${named(` (${sliceName(slice)})`, "")}`;

const mm = (value: number): string => `${Number(value.toFixed(3))} mm`;
