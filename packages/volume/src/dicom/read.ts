import { type Volume, type VoxelArray } from "../volume.js";
import { message } from "../message.js";
import { sliceName, theirNames, type DicomImage, type DicomSlice } from "./image.js";
import { AIR, HounsfieldStack, isPadding, type Rescale } from "./pixels/hounsfield.js";
import { checkReadable, openImage, pixelBytes, type OpenImage } from "./pixels/stored.js";
import { planGrid, type VolumeGrid } from "./grid.js";
import { refusal } from "./refusal.js";
import { framesOf } from "./series.js";
import type { DicomSeries } from "./dicom-series.js";
import { buildStack, tiltDegrees, type SliceStack, type StackOptions } from "./stack.js";
import { syntaxName, type TransferSyntax } from "./syntaxes.js";
import { regrid } from "./regrid.js";

export interface ReadDicomOptions extends StackOptions {
  /**
   * "interpolate" replaces missing slices and uneven spacing by linear interpolation, and records it; "refuse" is the
   * default.
   */
  allowGaps?: boolean;
  /** "correct" (the default) shears tilted slices upright; "refuse" refuses them. */
  tilt?: "correct" | "refuse";
  /** Only the slices that it accepts are read. */
  select?: (slice: DicomSlice) => boolean;
  /** Larger volumes are refused before memory is allocated; default 2^30 voxels. */
  maxVoxels?: number;
  /** URL of dcmjs-native-codecs.wasm for browsers; Node finds the file without it. */
  codecUrl?: string;
  signal?: AbortSignal;
}

/** An interpolated slice, which no file holds. */
export interface FilledSlice {
  /** Its index in the volume, starting at 0. */
  slice: number;
  /** The slices between which it was interpolated. */
  between: [string, string];
}

/** How the series was turned into a volume, for the index and for audits. */
export interface DicomFacts {
  /** The slices in their order along the normal: file (and frame), and position along the normal in mm. */
  order: { file: string; frame: number; along: number }[];
  /** Slices that were interpolated (allowGaps). */
  filled: FilledSlice[];
  /**
   * The gantry tilt in degrees that was corrected, and the columns and rows that this added; undefined without tilt.
   */
  tilt: { degrees: number; grown: [number, number] } | undefined;
  /** Number of padding voxels that became air, and padding values that were kept because they could be tissue. */
  padding: { voxels: number; left: number[] };
  /** Names of the transfer syntaxes. */
  transferSyntaxes: string[];
  /** Number of frames of reference in its files; where there are several, the positions are regular nevertheless. */
  framesOfReference: number;
  /** True where a slice was compressed lossily. */
  lossy: boolean;
  /** MONOCHROME1 only affects the display: HU are unchanged. */
  photometric: string[];
}

/** Direction is orthonormal and right-handed; slices follow the normal. */
export interface DicomVolume extends Volume {
  facts: DicomFacts;
}

const MAX_VOXELS = 2 ** 30;

/**
 * Reads a series as one volume: int16 HU where every value is a whole number that fits, else float32; "arbitrary" in
 * place of HU for other modalities. A series that would require guessing is refused, and the error names the files.
 * @throws DicomSeriesError the slices do not form a volume  @throws VolumeFormatError a file is damaged
 */
export async function readDicomSeries(
  series: DicomSeries,
  options: ReadDicomOptions = {},
): Promise<DicomVolume> {
  const { stack, grid, jobs } = planned(series, options);
  const decoded = await decodeAll(stack, jobs, series, options);
  const { columns, rows } = series;
  const data: VoxelArray =
    grid.regrid === undefined
      ? decoded.data
      : regrid(decoded.data, columns, rows, grid.regrid, isHu(series) ? AIR : 0);
  const padding = { voxels: decoded.padded, left: paddingLeft(stack, isHu(series)) };
  return { data, ...geometryOf(stack, grid, series), facts: { ...factsOf(stack, grid, series), padding } };
}

/** The volume that a series becomes, as far as the headers tell. */
export interface DicomPlan extends Omit<Volume, "data"> {
  facts: Omit<DicomFacts, "padding">;
}

/**
 * Does all checks that readDicomSeries does before it reads pixels, for lists of many series.
 * @throws DicomSeriesError the slices do not form a volume  @throws VolumeFormatError unsupported pixels
 */
export function planDicomSeries(series: DicomSeries, options: ReadDicomOptions = {}): DicomPlan {
  const { stack, grid } = planned(series, options);
  return { ...geometryOf(stack, grid, series), facts: factsOf(stack, grid, series) };
}

interface Planned {
  stack: SliceStack;
  grid: VolumeGrid;
  jobs: Job[];
}

function planned(series: DicomSeries, options: ReadDicomOptions): Planned {
  const slices = series.slices.filter((slice) => isChosen(slice, options));
  const stack = buildStack(series, slices, options);
  const grid = planGrid(stack, series, options);
  refuseTooLarge(series, grid, stack, options.maxVoxels ?? MAX_VOXELS);
  return { stack, grid, jobs: jobsOf(stack) };
}

function geometryOf(
  { x, y, normal, pixel }: SliceStack,
  grid: VolumeGrid,
  series: DicomSeries,
): Omit<Volume, "data"> {
  return {
    shape: grid.shape,
    spacing: [pixel[0], pixel[1], grid.spacing],
    origin: grid.origin,
    direction: [0, 1, 2].flatMap((row) => [x[row] as number, y[row] as number, normal[row] as number]),
    unit: isHu(series) ? "HU" : "arbitrary",
  };
}

export const isHu = ({ modality }: DicomSeries): boolean => modality === "CT";

function isChosen(slice: DicomSlice, { acquisition, select }: ReadDicomOptions): boolean {
  if (typeof acquisition === "number" && slice.acquisitionNumber !== acquisition) return false;
  return select === undefined || select(slice);
}

function refuseTooLarge(series: DicomSeries, grid: VolumeGrid, stack: SliceStack, most: number): void {
  const decoded = stack.slices.length * series.rows * series.columns;
  const voxels = Math.max(decoded, grid.shape[0] * grid.shape[1] * grid.shape[2]);
  if (voxels <= most) return;
  const size = grid.shape.join(" x ");
  const problem = message`its ${size} voxels are more than the limit of ${most} (${theirNames(stack.slices)})`;
  const remedy = "Export it at a lower resolution, or fewer slices.";
  throw refusal(series.seriesUid, "too-large", stack.slices, problem, remedy);
}

/** Limits on the files that are read while another is decoded: their number and their bytes. */
const AHEAD = { files: 6, bytes: 2 ** 24 };

/** A file and the destination of its frames. */
export interface Job {
  image: DicomImage;
  frames: { slice: DicomSlice; place: number }[];
  syntax: TransferSyntax;
}

/** Reads each file once, whatever the order of its frames. @throws VolumeFormatError one of them cannot be read */
export function jobsOf(stack: SliceStack): Job[] {
  const places = new Map<DicomImage, { slice: DicomSlice; place: number }[]>();
  stack.slices.forEach((slice, place) => {
    const frames = places.get(slice.image);
    if (frames === undefined) places.set(slice.image, [{ slice, place }]);
    else frames.push({ slice, place });
  });
  // All files are checked before the first is read.
  return [...places].map(([image, frames]) => ({ image, frames, syntax: checkReadable(image) }));
}

async function decodeAll(
  stack: SliceStack,
  jobs: readonly Job[],
  series: DicomSeries,
  options: ReadDicomOptions,
): Promise<HounsfieldStack> {
  const voxels = series.rows * series.columns;
  const whole = stack.slices.every(isWhole);
  let hounsfield: HounsfieldStack | undefined;
  const opening: Promise<OpenImage>[] = [];
  const done: Uint8Array[] = []; // files that are decoded: new memory costs more than reading
  let [started, bytes] = [0, 0];
  for (const { image, frames } of jobs) {
    options.signal?.throwIfAborted();
    while (
      started < jobs.length &&
      opening.length < AHEAD.files &&
      (opening.length === 0 || bytes < AHEAD.bytes)
    ) {
      const next = jobs[started++] as Job;
      bytes += pixelBytes(next.image.pixels);
      const open = openImage(next.image, next.syntax, { codecUrl: options.codecUrl, reuse: done.pop() });
      // Where an earlier file throws, this promise is never awaited.
      open.catch(() => undefined);
      opening.push(open);
    }
    const opened = (await opening.shift()) as OpenImage;
    bytes -= pixelBytes(image.pixels);
    // Memory is allocated only after the first file was found to hold what its header declares.
    hounsfield ??= new HounsfieldStack(voxels * stack.slices.length, whole);
    for (const { slice, place } of frames) {
      hounsfield.write(await opened.frame(slice.frame), rescaleOf(slice, isHu(series)), place * voxels);
    }
    done.push(opened.bytes);
  }
  return hounsfield as HounsfieldStack;
}

export const rescaleOf = ({ slope, intercept, image }: DicomSlice, isHu: boolean): Rescale => ({
  slope: slope ?? 1,
  intercept: intercept ?? 0,
  padding: image.pixels.padding,
  isHu,
});

export const isWhole = ({ slope, intercept }: DicomSlice): boolean =>
  Number.isInteger(slope ?? 1) && Number.isInteger(intercept ?? 0);

function paddingLeft(stack: SliceStack, hu: boolean): number[] {
  const left = stack.slices.flatMap((slice) => {
    const { padding } = slice.image.pixels;
    return padding === undefined || isPadding(rescaleOf(slice, hu)) ? [] : [padding.from, padding.to];
  });
  return [...new Set(left)];
}

function factsOf(stack: SliceStack, grid: VolumeGrid, series: DicomSeries): DicomPlan["facts"] {
  const images = [...new Set(stack.slices.map(({ image }) => image))];
  const degrees = tiltDegrees(stack.shear);
  return {
    order: stack.slices.map(({ file, frame }, i) => ({ file, frame, along: stack.along[i] as number })),
    filled: grid.filled.map(({ slice, lower, upper }) => ({
      slice,
      between: [sliceName(stack.slices[lower] as DicomSlice), sliceName(stack.slices[upper] as DicomSlice)],
    })),
    tilt: degrees === 0 ? undefined : { degrees, grown: grid.regrid?.grown ?? [0, 0] },
    transferSyntaxes: [...new Set(images.map(({ syntaxUid }) => syntaxName(syntaxUid)))],
    framesOfReference: framesOf(series).length,
    lossy: images.some(({ lossy }) => lossy),
    photometric: [...new Set(images.map(({ pixels }) => pixels.photometric))],
  };
}
