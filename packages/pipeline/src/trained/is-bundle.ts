/** Whether a file is a bundle. A checkpoint of PyTorch is a zip as well. */
import { openZipFile } from "@slicestack/volume/node";
import { MANIFEST } from "./bundle-manifest.js";
import { isBundle } from "./open-bundle.js";

/** @returns true for a damaged archive with the extension .slicestack, too, so that it is refused as a bundle */
export async function holdsBundle(path: string): Promise<boolean> {
  if (!isBundle(path)) return false;
  if (path.endsWith(".slicestack")) return true;
  try {
    await using zip = await openZipFile(path);
    return zip.entries.some(({ name }) => name === MANIFEST);
  } catch {
    return false; // whoever opens it says why
  }
}
