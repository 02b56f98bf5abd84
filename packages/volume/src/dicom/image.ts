import type { Triple } from "../volume.js";
import { named, type Named } from "../message.js";
import { damaged } from "./damage.js";
import type { Dataset } from "./dataset.js";
import type { ElementPlace } from "./elements.js";
import { listed } from "./errors.js";
import type { DicomSource } from "./source.js";
import type { TAG } from "./tags.js";

/** Where the pixels of a file are located and how they are encoded; the same for all its frames. */
export interface PixelLayout {
  rows: number;
  columns: number;
  frames: number;
  bitsAllocated: number;
  bitsStored: number;
  highBit: number;
  signed: boolean;
  photometric: string;
  samplesPerPixel: number;
  /** Stored values that are padding, not measurements: from..to, both included. */
  padding: { from: number; to: number } | undefined;
  /** Offset of the PixelData value from the start of the file, or of the inflated data set. */
  data: ElementPlace;
  /** Values of the extended offset table and its lengths (PS3.3 C.7.6.3.1.8), where they exist. */
  offsets: ElementPlace | undefined;
  lengths: ElementPlace | undefined;
}

/** One image file. */
export interface DicomImage {
  source: DicomSource;
  syntaxUid: string;
  /** Offset of its data set. */
  start: number;
  sopClass: string | undefined;
  sopInstance: string | undefined;
  /** "" where the file does not say. */
  frameOfReference: string;
  pixels: PixelLayout;
  /** True where functional groups give the position of each frame. */
  describesFrames: boolean;
  lossy: boolean;
}

/**
 * One slice: a file, or one frame of a file. A field is undefined where the file does not give it or gives something
 * other than a number.
 */
export interface DicomSlice {
  image: DicomImage;
  /** Name of its file. */
  file: string;
  /** From 0. */
  frame: number;
  instanceNumber: number | undefined;
  acquisitionNumber: number | undefined;
  temporalPosition: number | undefined;
  acquisitionTime: string | undefined;
  contentTime: string | undefined;
  /** LPS mm of the centre of its first pixel. */
  position: Triple | undefined;
  /** Unit vectors along which columns and rows increase: x, y, z, x, y, z. */
  orientation: readonly number[] | undefined;
  /** mm between rows, mm between columns. */
  pixelSpacing: readonly [number, number] | undefined;
  sliceThickness: number | undefined;
  spacingBetweenSlices: number | undefined;
  /** HU = slope * stored + intercept. */
  slope: number | undefined;
  intercept: number | undefined;
  /** "" where the file does not say. */
  rescaleType: string;
}

/** The name of its file, and its frame where the file has several. */
export function sliceName({ file, frame, image }: DicomSlice): string {
  return image.pixels.frames > 1 ? `${file} frame ${frame + 1}` : file;
}

/** For messages: its name, or "one of them" where the name must not appear. */
export const oneSlice = (slice: DicomSlice): Named => named(sliceName(slice), "one of them");

/** For messages: the names of some slices, or their number. */
export const theirNames = (slices: readonly DicomSlice[]): Named =>
  named(listed(slices.map(sliceName)), slices.length === 1 ? "1 slice" : `${slices.length} slices`);

/** No detector has more pixels along a side; more means that the header is damaged. */
export const MAX_SIDE = 16384;
/** Limit for one file. */
export const MAX_FRAMES = 65535;

/** @returns undefined where the data set has no pixels  @throws VolumeFormatError an impossible size or bit depth */
export function pixelLayout(set: Dataset, file: string): PixelLayout | undefined {
  const data = set.place("PixelData");
  if (data === undefined || data.length === 0) return undefined;
  const whole = (name: "Rows" | "Columns" | "BitsAllocated", most: number): number => {
    const value = set.uint16(name) ?? 0;
    if (value > 0 && value <= most) return value;
    throw damaged(
      file,
      `expected ${name} from 1 to ${most}, its header says ${set.has(name) ? value : "nothing"}`,
    );
  };
  const bitsAllocated = whole("BitsAllocated", 32);
  const bitsStored = set.uint16("BitsStored") ?? bitsAllocated;
  const highBit = set.uint16("HighBit") ?? bitsStored - 1;
  if (bitsStored < 1 || highBit >= bitsAllocated || bitsStored > highBit + 1) {
    const problem = `its ${bitsStored} bits stored up to bit ${highBit} do not fit in ${bitsAllocated} bits allocated`;
    throw damaged(file, problem);
  }
  const frames = set.has("NumberOfFrames") ? (set.integer("NumberOfFrames") ?? 0) : 1;
  if (frames < 1 || frames > MAX_FRAMES)
    throw damaged(file, `expected 1 to ${MAX_FRAMES} frames, its header says ${frames}`);
  const signed = set.uint16("PixelRepresentation") === 1;
  return {
    rows: whole("Rows", MAX_SIDE),
    columns: whole("Columns", MAX_SIDE),
    frames,
    bitsAllocated,
    bitsStored,
    highBit,
    signed,
    photometric: set.string("PhotometricInterpretation") ?? "MONOCHROME2",
    samplesPerPixel: set.uint16("SamplesPerPixel") ?? 1,
    padding: padding(set, signed),
    data,
    offsets: set.place("ExtendedOffsetTable"),
    lengths: set.place("ExtendedOffsetTableLengths"),
  };
}

/** Its VR is US or SS, and writers confuse the two: the bits are interpreted like the pixels. */
function padding(set: Dataset, signed: boolean): PixelLayout["padding"] {
  const value = (name: "PixelPaddingValue" | "PixelPaddingRangeLimit") => {
    const bits = set.uint16(name);
    return bits === undefined || !signed ? bits : (bits << 16) >> 16;
  };
  const first = value("PixelPaddingValue");
  if (first === undefined) return undefined;
  const other = value("PixelPaddingRangeLimit") ?? first;
  return { from: Math.min(first, other), to: Math.max(first, other) };
}

/** The slices of a file: one, or one per frame. @throws VolumeFormatError */
export function slicesOf(image: DicomImage, set: Dataset): DicomSlice[] {
  const file = image.source.name;
  if (!image.describesFrames) return [sliceOf(image, 0, [set])];
  const { frames } = image.pixels;
  const perFrame = set.items("PerFrameFunctionalGroupsSequence", frames);
  if (perFrame.length !== frames) {
    throw damaged(file, `its header says ${frames} frames, it describes ${perFrame.length}`);
  }
  const shared = set.items("SharedFunctionalGroupsSequence", 1);
  // What all frames share is read only once.
  const common = shared.flatMap(groupsOf);
  return perFrame.map((item, frame) => sliceOf(image, frame, [...groupsOf(item), ...common, set]));
}

const GROUPS = [
  "FrameContentSequence",
  "PlanePositionSequence",
  "PlaneOrientationSequence",
  "PixelMeasuresSequence",
  "PixelValueTransformationSequence",
] as const;

function groupsOf(item: Dataset): Dataset[] {
  return GROUPS.flatMap((name) => item.items(name, 1));
}

/** @param sets data sets to search, the closest first */
function sliceOf(image: DicomImage, frame: number, sets: Dataset[]): DicomSlice {
  const first = <T>(read: (set: Dataset) => T | undefined): T | undefined => {
    for (const set of sets) {
      const value = read(set);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  const decimal = (name: keyof typeof TAG) => first((set) => set.decimal(name));
  return {
    image,
    file: image.source.name,
    frame,
    instanceNumber: first((set) => set.integer("InstanceNumber")),
    acquisitionNumber: first(
      (set) => set.uint16("FrameAcquisitionNumber") ?? set.integer("AcquisitionNumber"),
    ),
    temporalPosition: first(
      (set) => set.uint32("TemporalPositionIndex") ?? set.integer("TemporalPositionIdentifier"),
    ),
    acquisitionTime: first((set) => set.string("AcquisitionTime")),
    contentTime: first((set) => set.string("ContentTime")),
    position: first((set) => set.decimals("ImagePositionPatient", 3)) as Triple | undefined,
    orientation: first((set) => set.decimals("ImageOrientationPatient", 6)),
    pixelSpacing: first((set) => set.decimals("PixelSpacing", 2)) as [number, number] | undefined,
    sliceThickness: decimal("SliceThickness"),
    spacingBetweenSlices: decimal("SpacingBetweenSlices"),
    slope: decimal("RescaleSlope"),
    intercept: decimal("RescaleIntercept"),
    rescaleType: first((set) => set.string("RescaleType")) ?? "",
  };
}
