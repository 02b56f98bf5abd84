import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ByteStream } from "./byte-stream.js";
import { notReadable, openFile, readAt } from "./file-source.js";
import { readNifti } from "./nifti-file.js";
import { readNpy } from "./npy-file.js";
import { readMetaImage, readNrrd } from "./raster-file.js";
import { readSliceFolder, slicesIn, type SliceFolderOptions } from "./slice-folder.js";
import { openNpzFile } from "./zip-file.js";
import { detectBytes, DETECT_BYTES } from "../detect.js";
import { VolumeFileError, type VolumeFormat } from "../errors.js";
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
} from "../read-one.js";
import type { Volume } from "../volume.js";

export interface ReadPathOptions extends ReadVolumeOptions, SliceFolderOptions {
  /**
   * Reads the only series of a DICOM file, folder or zip archive; without this function, DICOM is refused with an
   * explanation.
   */
  readDicom?: (path: string) => Promise<Volume>;
}

/**
 * The format of a file by its content, or of a folder by the files in it: "PNG" or "JPEG" for slices, "DICOM".
 * Only .img, which has no signature, is recognised by its name. null where the format is unknown.
 * @throws VolumeFileError missing, no permission
 */
export async function detectFormat(path: string): Promise<VolumeFormat | null> {
  const found = await detected(path);
  return found === "gzip" ? null : found;
}

/**
 * Reads one volume, whatever format it has: a file, a .hdr/.img pair, or a folder of slices of one subject.
 * Arrays are taken as (H, W, slices), pictures and arrays have spacing 1 and no unit.
 * @throws VolumeFormatError damaged, truncated, not one 3D volume
 * @throws VolumeFileError missing, no permission, none of the formats
 */
export async function readVolume(path: string, options: ReadPathOptions = {}): Promise<DetectedVolume> {
  const format = await detected(path);
  if (format === null || format === "gzip") return refuseUnknown(path, format);
  return { volume: await READERS[format](path, options), format };
}

/** One row per format; `readDicom` is passed by the caller, because a series is more than a file. */
const READERS: Record<VolumeFormat, (path: string, options: ReadPathOptions) => Promise<Volume>> = {
  NIfTI: (path, options) => readNifti(path, unitOf(options)),
  NRRD: (path, options) => readNrrd(path, unitOf(options)),
  MetaImage: (path, options) => readMetaImage(path, unitOf(options)),
  npy: async (path, options) => volumeOfNpy(await readNpy(path), path, options),
  npz: readNpz,
  DICOM: (path, { readDicom = refuseDicom }) => Promise.resolve(path).then(readDicom),
  zip: (path, { readDicom = refuseArchive }) => Promise.resolve(path).then(readDicom),
  PNG: (path, options) => readPictures(path, "PNG", options),
  JPEG: (path, options) => readPictures(path, "JPEG", options),
};

async function readNpz(path: string, options: ReadPathOptions): Promise<Volume> {
  await using opened = await openNpzFile(path);
  return await volumeOfNpz(opened.npz, options);
}

async function readPictures(path: string, format: "PNG" | "JPEG", options: ReadPathOptions): Promise<Volume> {
  if (!(await isFolder(path))) return refusePicture(path, format);
  const { volume } = await readSliceFolder(path, options);
  return { ...volume, ...unitOf(options) };
}

async function detected(path: string): Promise<VolumeFormat | "gzip" | null> {
  if (await isFolder(path)) return await detectedInFolder(path);
  const format = detectBytes(await startOf(path));
  if (format === null) return /\.img$/i.test(path) ? "NIfTI" : null;
  if (format !== "gzip") return format;
  if (/\.img\.gz$/i.test(path)) return "NIfTI";
  await using stream = await ByteStream.open(path, "NIfTI");
  return detectBytes(await stream.peek(DETECT_BYTES)) === "NIfTI" ? "NIfTI" : "gzip";
}

/** Slices where the folder itself contains pictures; else DICOM where the first file with a signature is DICOM. */
async function detectedInFolder(path: string): Promise<VolumeFormat | null> {
  const [picture] = await slicesIn(path);
  if (picture !== undefined) return /\.png$/i.test(picture) ? "PNG" : "JPEG";
  const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown) => {
    throw notReadable(path, cause);
  });
  for (const entry of entries) {
    if (!entry.isFile() || entry.name.startsWith(".")) continue;
    if (detectBytes(await startOf(join(path, entry.name))) === "DICOM") return "DICOM";
  }
  throw new VolumeFileError(
    path,
    "the folder holds neither slices nor DICOM files",
    "Give a file, or a folder of slices.",
  );
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw notReadable(path, cause);
  }
}

async function startOf(path: string): Promise<Uint8Array> {
  const { handle } = await openFile(path);
  try {
    const start = new Uint8Array(DETECT_BYTES);
    return start.subarray(0, await readAt(handle, path, start, 0));
  } finally {
    await handle.close();
  }
}
