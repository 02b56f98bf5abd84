import { Dataset } from "./dataset.js";
import { acquisitionOf, identityOf, type AcquisitionFacts, type SeriesIdentity } from "./identity.js";
import { pixelLayout, slicesOf, type DicomImage, type DicomSlice } from "./image.js";
import { openDataset } from "./open-dataset.js";
import type { FileStart } from "./part10.js";
import {
  imageReason,
  objectReason,
  quantityReason,
  type SetAsideOptions,
  type SetAsideReason,
} from "./set-aside.js";
import type { DicomSource } from "./source.js";
import { syntaxOf } from "./syntaxes.js";
import { WANTED } from "./tags.js";

/** The header of one image file. */
export interface DicomHeader {
  identity: SeriesIdentity;
  acquisition: AcquisitionFacts;
  image: DicomImage;
  slices: DicomSlice[];
}

/**
 * Reads the header of one file, and no more of the file than that needs.
 * @throws VolumeFormatError damaged
 */
export async function readHeader(
  source: DicomSource,
  options: SetAsideOptions,
): Promise<DicomHeader | SetAsideReason> {
  const found = await openDataset(source, WANTED, ({ walker, location, start, fileStart }) => {
    const set = new Dataset(walker, location);
    const header = headerOrReason(set, start, source, options, fileStart);
    return "code" in header ? { ...header, identity: identityOf(set) } : header;
  });
  return found ?? { code: "not-dicom", reason: "it is not a DICOM file" };
}

/** @param fileStart where the data set begins in the file */
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
    sopClass: set.string("SOPClassUID") ?? start.mediaStorage,
    sopInstance: set.string("SOPInstanceUID"),
    frameOfReference: set.string("FrameOfReferenceUID") ?? "",
    pixels,
    describesFrames: set.has("PerFrameFunctionalGroupsSequence"),
    lossy: syntaxOf(start.syntaxUid)?.lossy === true || set.string("LossyImageCompression") === "01",
  };
  const identity = identityOf(set);
  const slices = slicesOf(image, set);
  return (
    quantityReason(identity.modality, slices) ?? { identity, acquisition: acquisitionOf(set), image, slices }
  );
}
