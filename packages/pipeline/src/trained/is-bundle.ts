/** Whether a file is a bundle. A checkpoint of PyTorch is a zip as well. */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { MANIFEST } from "./bundle-manifest.js";

/** Whether a path is a file that starts like a zip. */
export function isBundle(path: string): boolean {
  if (!(statSync(path, { throwIfNoEntry: false })?.isFile() ?? false)) return false;
  const start = Buffer.alloc(4);
  const descriptor = openSync(path, "r");
  try {
    return readSync(descriptor, start, 0, 4, 0) === 4 && start.readUInt32LE(0) === 0x04034b50;
  } finally {
    closeSync(descriptor);
  }
}

/** @returns true for a damaged archive with the extension .slicestack, too, so that it is refused as a bundle */
export async function holdsBundle(path: string): Promise<boolean> {
  if (!isBundle(path)) return false;
  if (path.endsWith(".slicestack")) return true;
  const { openZipFile } = await import("@slicestack/volume/node");
  try {
    await using zip = await openZipFile(path);
    return zip.entries.some(({ name }) => name === MANIFEST);
  } catch {
    return false; // whoever opens it says why
  }
}
