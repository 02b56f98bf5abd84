/** Whether a path is a prepared data set or a source of volumes, recognised by content if possible. */
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { isMedmnist } from "@slicestack/volume";
import { detectFormat, openNpzFile } from "@slicestack/volume/node";
import { survey, type DiscoverOptions, type Found } from "../data/ingest/discover.js";
import { KnownReasons } from "../data/ingest/known-reasons.js";
import { volumeOf } from "../data/ingest/paths.js";
import type { SourceVolume, VolumeInput } from "../data/ingest/source.js";
import { openDataset, type Dataset } from "../data/store.js";

export type Target =
  { kind: "dataset"; dataset: Dataset } | { kind: "source"; path: string; found: Found & { files: number } };

/** @throws PrepareError if nothing exists there   @throws DatasetError, VolumeFileError, VolumeFormatError */
export async function openTarget(path: string, options: DiscoverOptions = {}): Promise<Target> {
  if (existsSync(join(path, "dataset.json"))) return { kind: "dataset", dataset: openDataset(path) };
  return { kind: "source", path, found: await openSource(path, options) };
}

/** Volumes of a folder, or of one file; unlike `survey` it needs no extension if the content tells the format. */
export async function openSource(
  path: string,
  options: DiscoverOptions = {},
): Promise<Found & { files: number }> {
  const input = existsSync(path) && statSync(path).isFile() ? await inputOf(resolve(path)) : null;
  if (input === null) return await survey(path, options);
  const volumes: SourceVolume[] = [volumeOf(basename(path), input)];
  const none = { setAside: [], broken: [] };
  const reasons = new KnownReasons({ ...none, identifiers: new Map() });
  return { root: dirname(resolve(path)), volumes, series: new Map(), ...none, reasons, files: 1 };
}

/** For files that are a single volume; null for all others. */
async function inputOf(path: string): Promise<VolumeInput | null> {
  const format = await detectFormat(path);
  if (format === "NIfTI" || format === "NRRD" || format === "MetaImage") return { kind: "file", path };
  if (format === "npy" && !/\.npy$/i.test(path)) return { kind: "npy", path };
  if (format !== "npz") return null;
  await using opened = await openNpzFile(path);
  return isMedmnist(opened.npz) ? null : { kind: "file", path };
}
