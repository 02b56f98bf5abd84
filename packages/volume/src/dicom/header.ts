import { damaged, EndOfBytes } from "./damage.js";
import { Dataset } from "./dataset.js";
import { ElementWalker } from "./elements.js";
import { acquisitionOf, identityOf, type AcquisitionFacts, type SeriesIdentity } from "./identity.js";
import { pixelLayout, slicesOf, type DicomImage, type DicomSlice } from "./image.js";
import { inflateStart } from "./inflate.js";
import { locateDataset, type FileStart } from "./part10.js";
import { imageReason, objectReason, quantityReason, type SetAsideOptions, type SetAsideReason } from "./set-aside.js";
import type { DicomSource } from "./source.js";
import { syntaxOf } from "./syntaxes.js";

/** The header of one image file. */
export interface DicomHeader {
  identity: SeriesIdentity;
  acquisition: AcquisitionFacts;
  image: DicomImage;
  slices: DicomSlice[];
}

/** Enough for the header of nearly every single-frame file. */
const HEAD_BYTES = 16384;
/** Limit on the length of a header; it has room for 65535 frames. */
const MAX_HEADER_BYTES = 2 ** 26;

/**
 * Reads the header of one file: its first 16 KB, then four times as much each time until the pixel data is reached.
 * @throws VolumeFormatError damaged
 */
export async function readHeader(source: DicomSource, options: SetAsideOptions): Promise<DicomHeader | SetAsideReason> {
  for (let most = HEAD_BYTES; ; most *= 4) {
    const { bytes, whole } = await startOf(source, most);
    try {
      const start = locateDataset(bytes, source.name, whole);
      if (start === undefined) return { code: "not-dicom", reason: "it is not a DICOM file" };
      if (syntaxOf(start.syntaxUid)?.deflated === true) return await deflatedHeader(source, start, options);
      return header(new ElementWalker(bytes, source.name, whole), start, source, options);
    } catch (error) {
      if (!(error instanceof EndOfBytes)) throw error;
      if (whole) throw damaged(source.name, "the file ends inside its header", { cause: error });
      if (most >= MAX_HEADER_BYTES) throw tooLong(source.name);
    }
  }
}

/** Without `head`, the whole file is read at once. */
async function startOf(source: DicomSource, most: number): Promise<{ bytes: Uint8Array; whole: boolean }> {
  if (source.head === undefined) return { bytes: await source.read(), whole: true };
  const bytes = await source.head(most);
  return { bytes, whole: bytes.length < most };
}

async function deflatedHeader(
  source: DicomSource,
  start: FileStart,
  options: SetAsideOptions,
): Promise<DicomHeader | SetAsideReason> {
  const deflated = (await source.read()).subarray(start.start);
  for (let most = HEAD_BYTES; most <= MAX_HEADER_BYTES; most *= 4) {
    const bytes = await inflateStart(deflated, most, source.name);
    const whole = bytes.length < most;
    try {
      return header(new ElementWalker(bytes, source.name, whole), { ...start, start: 0 }, source, options, start.start);
    } catch (error) {
      if (!(error instanceof EndOfBytes)) throw error;
      if (whole) throw damaged(source.name, "the file ends inside its header", { cause: error });
    }
  }
  throw tooLong(source.name);
}

const tooLong = (file: string) => damaged(file, `its header is longer than ${MAX_HEADER_BYTES} bytes`);

/** @param fileStart where the data set begins in the file, if this differs from the walker's start */
function header(
  walker: ElementWalker,
  start: FileStart,
  source: DicomSource,
  options: SetAsideOptions,
  fileStart = start.start,
): DicomHeader | SetAsideReason {
  const set = new Dataset(walker, walker.dataset(start.start, start.encoding));
  const found = headerOrReason(set, start, source, options, fileStart);
  return "code" in found ? { ...found, identity: identityOf(set) } : found;
}

function headerOrReason(
  set: Dataset,
  start: FileStart,
  source: DicomSource,
  options: SetAsideOptions,
  fileStart: number,
): DicomHeader | SetAsideReason {
  const kind = objectReason(set, start.mediaStorage, options);
  if (kind !== undefined) return kind;
  if (set.has("FloatPixelData") || set.has("DoubleFloatPixelData")) {
    return { code: "not-hu", reason: "its pixels are floating-point values, a map computed from images" };
  }
  const pixels = pixelLayout(set, source.name);
  if (pixels === undefined) return { code: "no-pixels", reason: "it holds no pixels" };
  const aside = imageReason(set, pixels, options);
  if (aside !== undefined) return aside;
  const image: DicomImage = {
    source,
    syntaxUid: start.syntaxUid,
    start: fileStart,
    sopInstance: set.string("SOPInstanceUID"),
    frameOfReference: set.string("FrameOfReferenceUID") ?? "",
    pixels,
    describesFrames: set.has("PerFrameFunctionalGroupsSequence"),
    lossy: syntaxOf(start.syntaxUid)?.lossy === true || set.string("LossyImageCompression") === "01",
  };
  const identity = identityOf(set);
  const slices = slicesOf(image, set);
  return quantityReason(identity.modality, slices) ?? { identity, acquisition: acquisitionOf(set), image, slices };
}
