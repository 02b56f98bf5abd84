/** Refuses archives whose contents exceed the limits, before anything is decompressed. */
import { VolumeFileError, VolumeFormatError } from "@slicestack/volume";
import { openZipFile } from "@slicestack/volume/node";
import { Problem } from "../problem.js";

/** @throws Problem if it is damaged or exceeds the limits */
export async function checkArchive(
  path: string,
  { maxFiles, maxUnpacked }: { maxFiles: number; maxUnpacked: number },
): Promise<void> {
  try {
    await using _archive = await openZipFile(path, {
      limits: { entries: maxFiles, totalBytes: maxUnpacked },
    });
  } catch (error) {
    if (!(error instanceof VolumeFormatError || error instanceof VolumeFileError)) throw error;
    throw new Problem("unusable-upload", error.message.replaceAll(path, "the archive"));
  }
}
