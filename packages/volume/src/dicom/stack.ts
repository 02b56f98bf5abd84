import type { Triple } from "../volume.js";
import { checkAcquisitions } from "./acquisitions.js";
import { dot, minus, orthonormal } from "./axes.js";
import { message } from "../message.js";
import { oneSlice, theirNames, type DicomSlice } from "./image.js";
import { refusal } from "./refusal.js";
import { checkRequired } from "./required.js";
import type { DicomSeries } from "./dicom-series.js";

/** The slices of a series, sorted. */
export interface SliceStack {
  seriesUid: string;
  /** Sorted along the normal. */
  slices: DicomSlice[];
  /** Orthonormal unit vectors (LPS) along which the column, row and slice index increase. */
  x: Triple;
  y: Triple;
  normal: Triple;
  /** mm between columns, mm between rows. */
  pixel: [number, number];
  /** Position of each slice along the normal in mm, relative to the first. */
  along: number[];
  /** In-plane shift of the slices along x and y, in mm per mm along the normal; 0 without gantry tilt. */
  shear: [number, number];
}

export interface StackOptions {
  /** Accepts a series of one slice; default false. */
  allowSingle?: boolean;
  /**
   * Only the slices of this AcquisitionNumber; "any": all slices, even where acquisitions alternate along the series.
   */
  acquisition?: number | "any";
}

/** Orientations of one series may differ by rounding: 0.06 degrees. */
const SAME_DIRECTION = 1e-3;
const SAME_PIXEL_SIZE = 1e-4;
/** Slices closer than this, in mm, share a position. */
const SAME_POSITION = 0.01;
/** Slices may be shifted in their plane by this fraction of a pixel, or by rounding to tenths of a mm at both ends. */
const SHIFT_PIXELS = 0.1;
const SHIFT_MM = 0.101;
/** No gantry tilts by more degrees. */
const MAX_TILT = 45;

/**
 * Sorts slices along their normal and determines their geometry. @throws DicomSeriesError where that would require
 * guessing
 */
export function buildStack(
  series: DicomSeries,
  slices: readonly DicomSlice[],
  options: StackOptions,
): SliceStack {
  checkRequired(series, slices, options.allowSingle ?? false);
  const { seriesUid } = series;
  const { x, y, normal } = axesOf(seriesUid, slices);
  const pixel = pixelSize(seriesUid, slices);
  const placed = slices
    .map((slice) => ({ slice, mm: dot(slice.position as Triple, normal) }))
    .sort((a, b) => a.mm - b.mm || (a.slice.instanceNumber ?? 0) - (b.slice.instanceNumber ?? 0));
  const first = placed[0]?.mm ?? 0;
  const sorted = placed.map(({ slice }) => slice);
  const along = placed.map(({ mm }) => mm - first);
  checkAcquisitions(seriesUid, sorted, along, SAME_POSITION, options.acquisition);
  const stack = { seriesUid, slices: sorted, x, y, normal, pixel, along };
  return { ...stack, shear: shearOf(stack) };
}

function axesOf(seriesUid: string, slices: readonly DicomSlice[]): { x: Triple; y: Triple; normal: Triple } {
  const first = slices[0] as DicomSlice;
  const reference = first.orientation as readonly number[];
  const turned = slices.filter(({ orientation }) =>
    reference.some((value, i) => !(Math.abs(value - (orientation?.[i] ?? NaN)) <= SAME_DIRECTION)),
  );
  if (turned.length > 0) {
    const problem = message`its slices have several orientations: ${theirNames(turned)} against ${oneSlice(first)}`;
    const remedy = "Export each orientation as a separate series, or choose one by select.";
    throw refusal(seriesUid, "mixed-orientation", turned, problem, remedy);
  }
  const axes = orthonormal(reference);
  if (axes !== undefined) return axes;
  const found = reference.join("\\");
  const problem = message`ImageOrientationPatient is not two unit vectors at right angles: ${found} (${theirNames(slices)})`;
  throw refusal(seriesUid, "missing-geometry", slices, problem, "Export the series again.");
}

function pixelSize(seriesUid: string, slices: readonly DicomSlice[]): [number, number] {
  const first = slices[0] as DicomSlice;
  const [rows, columns] = first.pixelSpacing as readonly [number, number];
  if (!(rows > 0 && columns > 0)) {
    const problem = message`its PixelSpacing is ${rows}\\${columns}, expected sizes > 0 (${theirNames(slices)})`;
    throw refusal(seriesUid, "missing-geometry", slices, problem, "Export the series again.");
  }
  const others = slices.filter(({ pixelSpacing }) => {
    const [row, column] = pixelSpacing as readonly [number, number];
    return !(
      Math.abs(row / rows - 1) <= SAME_PIXEL_SIZE && Math.abs(column / columns - 1) <= SAME_PIXEL_SIZE
    );
  });
  if (others.length > 0) {
    const other = others[0]?.pixelSpacing?.join(" x ");
    const [one, more] = [
      message`${rows} x ${columns} mm in ${oneSlice(first)}`,
      message`${other ?? ""} mm in ${theirNames(others)}`,
    ];
    const problem = message`its slices have several pixel sizes: ${one}, ${more}`;
    const remedy = "Export each reconstruction as a separate series, or choose one by select.";
    throw refusal(seriesUid, "mixed-pixel-size", others, problem, remedy);
  }
  return [columns, rows];
}

/** The in-plane shift per mm between the ends of the stack; every slice must follow it. */
function shearOf({ seriesUid, slices, along, x, y, pixel }: Omit<SliceStack, "shear">): [number, number] {
  const origin = slices[0]?.position as Triple;
  const shifts = slices.map(({ position }) => {
    const from = minus(position as Triple, origin);
    return [dot(from, x), dot(from, y)] as const;
  });
  const extent = along.at(-1) as number;
  const ends = shifts.at(-1) as readonly [number, number];
  const isShifted = ([0, 1] as const).some((axis) => Math.abs(ends[axis]) > SHIFT_PIXELS * pixel[axis]);
  const shear: [number, number] = isShifted && extent > 0 ? [ends[0] / extent, ends[1] / extent] : [0, 0];
  const allowed = Math.max(SHIFT_PIXELS * Math.min(...pixel), SHIFT_MM);
  const stray = slices.filter((_, i) => {
    const [sx, sy] = shifts[i] as readonly [number, number];
    const mm = along[i] as number;
    return Math.abs(sx - shear[0] * mm) > allowed || Math.abs(sy - shear[1] * mm) > allowed;
  });
  if (stray.length > 0) {
    const problem = message`its slices do not lie along one line: ${theirNames(stray)} shifted within the plane`;
    const remedy = "Export the parts with the same placement as separate series.";
    throw refusal(seriesUid, "shifted-slices", stray, problem, remedy);
  }
  const degrees = tiltDegrees(shear);
  if (degrees > MAX_TILT) {
    const lean = `its slices are tilted by ${degrees.toFixed(1)} degrees, but no gantry tilts beyond ${MAX_TILT}`;
    const problem = message`${lean} (${theirNames(slices)})`;
    throw refusal(
      seriesUid,
      "shifted-slices",
      slices,
      problem,
      "Its positions or orientations are wrong; export it again.",
    );
  }
  return shear;
}

export const tiltDegrees = ([x, y]: readonly [number, number]): number =>
  (Math.atan(Math.hypot(x, y)) * 180) / Math.PI;
