/** DICOM series of a source: found by the headers of its files, in folders and in zips. */
import { join } from "node:path";
import { readDicomSeries, scanDicom, type DicomScan, type DicomSeries, type DicomSource } from "@slicestack/volume";
import { detectFormat, openZipFile, openDicomFile, type ZipFile } from "@slicestack/volume/node";
import type { Progress } from "../../progress.js";
import type { ReadResult } from "../prepare/read.js";
import { commonFolder } from "./paths.js";
import type { DicomPlace, SetAside, SourceVolume, VolumeInput } from "./source.js";

export interface DicomFound {
  volumes: SourceVolume[];
  setAside: SetAside[];
}

interface ScanOptions {
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/** @param paths files below `root` that no other format claims */
export async function dicomVolumes(root: string, paths: readonly string[], options: ScanOptions = {}): Promise<DicomFound> {
  if (paths.length === 0) return { volumes: [], setAside: [] };
  const places = new Map<string, DicomPlace>();
  await using zips = new Zips();
  async function* sources(): AsyncGenerator<DicomSource> {
    for (const [k, path] of paths.entries()) {
      options.signal?.throwIfAborted();
      const file = join(root, path);
      if (/\.zip$/i.test(path) && (await detectFormat(file)) === "zip") {
        for (const { name } of (await zips.open(file)).entries) {
          places.set(`${path}#${name}`, { path: file, entry: name });
          yield await zips.source(`${path}#${name}`, file, name);
        }
      } else {
        places.set(path, { path: file });
        yield openDicomFile(file, path);
      }
      if (k % 100 === 0 || k + 1 === paths.length)
        options.onProgress?.({ stage: "scan", done: k + 1, total: paths.length, unit: "files" });
    }
  }
  const scan = await scanDicom(sources(), options.signal === undefined ? {} : { signal: options.signal });
  return {
    volumes: apart(scan.series.map((series) => volumeOfSeries(series, places))),
    setAside: scan.setAside.map(({ name, reason }) => ({ path: name, reason })),
  };
}
