import type { ZipEntry } from "../zip/open-zip.js";
import type { DicomSource } from "./source.js";

/** A file in a zip archive; only as much of it as a header needs is unpacked. @param name for messages and facts */
export function zipDicomSource(entry: ZipEntry, name = entry.name): DicomSource {
  return { name, size: entry.size, read: () => entry.read(), head: (bytes) => startOf(entry, bytes) };
}

async function startOf(entry: ZipEntry, bytes: number): Promise<Uint8Array> {
  const start = new Uint8Array(Math.min(bytes, entry.size));
  let held = 0;
  for await (const piece of entry.stream()) {
    const part = piece.subarray(0, start.length - held);
    start.set(part, held);
    if ((held += part.length) >= start.length) break;
  }
  return start.subarray(0, held);
}
