import { type Volume, type VoxelArray } from "../volume.js";
import { said } from "../message.js";
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
  /** Missing slices and uneven spacing are mixed linearly from their neighbours, and noted; default refuse. */
  allowGaps?: boolean;
  /** "correct" (the default) shears tilted slices upright; "refuse" refuses them. */
  tilt?: "correct" | "refuse";
  /** Only the slices that it accepts are read. */
  select?: (slice: DicomSlice) => boolean;
  /** Larger volumes are refused before memory is taken; default 2^30 voxels. */
  maxVoxels?: number;
  /** Where browsers find dcmjs-native-codecs.wasm; Node finds it by itself. */
  codecUrl?: string;
  signal?: AbortSignal;
}

/** A slice of the volume that no file holds. */
export interface FilledSlice {
  /** Its place in the volume, from 0. */
  slice: number;
  /** Between which it was mixed. */
  between: [string, string];
}

/** What was done to make a volume of the series, for the index and for audits. */
export interface DicomFacts {
  /** Slices as they were read, from the first along the normal: file (and frame), and mm along the normal. */
  order: { file: string; frame: number; along: number }[];
  /** Slices that were made up (allowGaps). */
  filled: FilledSlice[];
  /** Gantry tilt in degrees that was corrected, and the columns and rows that this added; undefined without tilt. */
  tilt: { degrees: number; grown: [number, number] } | undefined;
  /** Voxels of padding that became air, and padding values that were left because they could be tissue. */
  padding: { voxels: number; left: number[] };
  /** Names of the transfer syntaxes. */
  transferSyntaxes: string[];
  /** How many its files name; positions were found regular where there are several. */
  framesOfReference: number;
  /** Some slice was compressed with losses. */
  lossy: boolean;
  /** MONOCHROME1 is a matter of display: HU stay as they are. */
  photometric: string[];
}

/** Direction is orthonormal and right-handed; slices follow the normal. */
export interface DicomVolume extends Volume {
  facts: DicomFacts;
}

const MAX_VOXELS = 2 ** 30;

/**
 * Reads a series as one volume: int16 HU where every value is a whole number that fits, else float32; "arbitrary" in
 * place of HU for other modalities. What would take guessing is refused, with the files that it is about.
 * @throws DicomSeriesError the slices are no volume as they stand  @throws VolumeFormatError a file is damaged
 */
export async function readDicomSeries(series: DicomSeries, options: ReadDicomOptions = {}): Promise<DicomVolume> {
  const { stack, grid, jobs } = planned(series, options);
  const decoded = await decodeAll(stack, jobs, series, options);
  const { columns, rows } = series;
  const data: VoxelArray =
    grid.regrid === undefined ? decoded.data : regrid(decoded.data, columns, rows, grid.regrid, isHu(series) ? AIR : 0);
  const padding = { voxels: decoded.padded, left: paddingLeft(stack, isHu(series)) };
  return { data, ...geometryOf(stack, grid, series), facts: { ...factsOf(stack, grid, series), padding } };
}

/** What a series becomes, as far as headers tell. */
export interface DicomPlan extends Omit<Volume, "data"> {
  facts: Omit<DicomFacts, "padding">;
}

/**
 * All that readDicomSeries checks before it reads a pixel, for a list of many series.
 * @throws DicomSeriesError the slices are no volume as they stand  @throws VolumeFormatError pixels that cannot be read
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

function geometryOf({ x, y, normal, pixel }: SliceStack, grid: VolumeGrid, series: DicomSeries): Omit<Volume, "data"> {
  return {
    shape: grid.shape,
    spacing: [pixel[0], pixel[1], grid.spacing],
    origin: grid.origin,
    direction: [0, 1, 2].flatMap((row) => [x[row] as number, y[row] as number, normal[row] as number]),
    unit: isHu(series) ? "HU" : "arbitrary",
  };
}

const isHu = ({ modality }: DicomSeries): boolean => modality === "CT";

function isChosen(slice: DicomSlice, { acquisition, select }: ReadDicomOptions): boolean {
  if (typeof acquisition === "number" && slice.acquisitionNumber !== acquisition) return false;
  return select === undefined || select(slice);
}

function refuseTooLarge(series: DicomSeries, grid: VolumeGrid, stack: SliceStack, most: number): void {
  const decoded = stack.slices.length * series.rows * series.columns;
  const voxels = Math.max(decoded, grid.shape[0] * grid.shape[1] * grid.shape[2]);
  if (voxels <= most) return;
  const size = grid.shape.join(" x ");
  const problem = said`its ${size} voxels are more than the limit of ${most} (${theirNames(stack.slices)})`;
  const remedy = "Export it at a lower resolution, or fewer slices.";
  throw refusal(series.seriesUid, "too-large", stack.slices, problem, remedy);
}

/** Files that are read while one is decoded: so many, and not more bytes than this. */
const AHEAD = { files: 6, bytes: 2 ** 24 };

/** A file, and where its frames go. */
interface Job {
  image: DicomImage;
  frames: { slice: DicomSlice; place: number }[];
  syntax: TransferSyntax;
}

/** Each file is read once, whatever the order of its frames. @throws VolumeFormatError one of them cannot be read */
function jobsOf(stack: SliceStack): Job[] {
  const places = new Map<DicomImage, { slice: DicomSlice; place: number }[]>();
  stack.slices.forEach((slice, place) => {
    const frames = places.get(slice.image);
    if (frames === undefined) places.set(slice.image, [{ slice, place }]);
    else frames.push({ slice, place });
  });
  // All are checked before the first is read.
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
  let [started, bytes] = [0, 0];
  for (const { image, frames } of jobs) {
    options.signal?.throwIfAborted();
    while (started < jobs.length && opening.length < AHEAD.files && (opening.length === 0 || bytes < AHEAD.bytes)) {
      const next = jobs[started++] as Job;
      bytes += pixelBytes(next.image.pixels);
      const open = openImage(next.image, next.syntax, options.codecUrl);
      // Where an earlier file throws, nobody awaits this one.
      open.catch(() => undefined);
      opening.push(open);
    }
    const opened = (await opening.shift()) as OpenImage;
    bytes -= pixelBytes(image.pixels);
    // Memory is taken when the first file was found to hold what its header says.
    hounsfield ??= new HounsfieldStack(voxels * stack.slices.length, whole);
    for (const { slice, place } of frames) {
      hounsfield.write(await opened.frame(slice.frame), rescaleOf(slice, isHu(series)), place * voxels);
    }
  }
  return hounsfield as HounsfieldStack;
}

const rescaleOf = ({ slope, intercept, image }: DicomSlice, isHu: boolean): Rescale => ({
  slope: slope ?? 1,
  intercept: intercept ?? 0,
  padding: image.pixels.padding,
  isHu,
});

const isWhole = ({ slope, intercept }: DicomSlice): boolean =>
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
