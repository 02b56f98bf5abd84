import { copied } from "./bytes/copy.js";
import { gather, refuseImpossible } from "./bytes/gather.js";
import { inflated } from "./bytes/inflate.js";
import { bytesSource } from "./bytes/source.js";
import { detectBytes, DETECT_BYTES } from "./detect.js";
import { NIFTI_HEADER_BYTES, parseNiftiHeader } from "./nifti/header.js";
import { announcedBy, niftiVolume, parseNifti } from "./nifti/parse.js";
import { parseNpy } from "./npy/array.js";
import { openNpz } from "./npz/open-npz.js";
import { parseMetaImage, parseNrrd } from "./raster/parse.js";
import {
  refuseArchive,
  refuseDicom,
  refusePicture,
  refuseUnknown,
  unitOf,
  volumeOfNpy,
  volumeOfNpz,
  type DetectedVolume,
  type ReadVolumeOptions,
} from "./read-one.js";
import type { Volume } from "./volume.js";

export interface ParseVolumeOptions extends ReadVolumeOptions {
  /** File name for error messages. */
  file?: string;
  /** The other half, uncompressed: the .img of a .hdr, the data file of a .nhdr or .mhd. */
  data?: ArrayBuffer | Uint8Array;
}

/**
 * Reads one volume from memory and detects its format by the content: NIfTI (gzipped, too), NRRD, MetaImage, npy, or an
 * npz with one volume; safe in browsers. Arrays are interpreted as (H, W, slices).
 * @throws VolumeFormatError damaged, truncated, not one 3D volume   @throws VolumeFileError none of these formats
 */
export async function parseVolume(
  bytes: ArrayBuffer | Uint8Array,
  options: ParseVolumeOptions = {},
): Promise<DetectedVolume> {
  const file = options.file ?? "bytes";
  const all = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  const format = detectBytes(all.subarray(0, DETECT_BYTES));
  const known = { file, ...unitOf(options), ...(options.data === undefined ? {} : { data: options.data }) };
  switch (format) {
    case "gzip":
      return { format: "NIfTI", volume: await gzippedNifti(all, file, options) };
    case "NIfTI":
      return { format, volume: parseNifti(all, { ...known, ...(options.data && { image: options.data }) }) };
    case "NRRD":
      return { format, volume: await parseNrrd(all, known) };
    case "MetaImage":
      return { format, volume: await parseMetaImage(all, known) };
    case "npy":
      return { format, volume: volumeOfNpy(parseNpy(all, file), file, options) };
    case "npz":
      return { format, volume: await volumeOfNpz(await openNpz(bytesSource(all, file)), options) };
    case "DICOM":
      return refuseDicom(file);
    case "zip":
      return refuseArchive(file);
    case "PNG":
    case "JPEG":
      return refusePicture(file, format);
    case null:
      return refuseUnknown(file, null);
  }
}

async function gzippedNifti(bytes: Uint8Array, file: string, options: ParseVolumeOptions): Promise<Volume> {
  const pieces = inflated(bytes, "gzip", file, "NIfTI");
  let start: Uint8Array = new Uint8Array(0);
  while (start.length < NIFTI_HEADER_BYTES) {
    const next = await pieces.next();
    if (next.done === true) break;
    const longer = new Uint8Array(start.length + next.value.length);
    longer.set(start);
    longer.set(next.value, start.length);
    start = longer;
  }
  if (detectBytes(start) !== "NIfTI") {
    await pieces.return();
    refuseUnknown(file, "gzip");
  }
  const header = parseNiftiHeader(start, file);
  if (header.pair) {
    await pieces.return();
    return parseNifti(copied(start, 0, NIFTI_HEADER_BYTES), {
      file,
      ...unitOf(options),
      ...(options.data && { image: options.data }),
    });
  }
  const announced = announcedBy(header, file);
  refuseImpossible(announced, header.voxelOffset, bytes.length);
  async function* whole(): AsyncGenerator<Uint8Array, void> {
    yield start;
    yield* pieces;
  }
  return niftiVolume(header, await gather(whole(), announced, header.voxelOffset), file, unitOf(options));
}
