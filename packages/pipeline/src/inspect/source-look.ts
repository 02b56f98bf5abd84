/** Describes a source with several volumes or none: its volumes, which would be refused, and what was set aside. */
import { open } from "node:fs/promises";
import { parseMetaImageHeader, parseNrrdHeader, UnusableVolumeError, type Triple } from "@slicestack/volume";
import { readNiftiHeader, readNpyHeader } from "@slicestack/volume/node";
import type { Found } from "../data/ingest/discover.js";
import type { SetAside, SourceVolume, VolumeInput } from "../data/ingest/source.js";
import { gapRefusalOf } from "../data/prepare/slice-gaps.js";
import type { Identity } from "./identity.js";
import { formatOf } from "./read.js";
import { lookAtSeries, type SeriesLook } from "./series-look.js";

export interface SourceLook {
  kind: "source";
  source: string;
  files: number;
  series: SeriesLook[];
  /** All volumes that are not DICOM. */
  volumes: FileLook[];
  /** Volumes that cannot be read. */
  broken: SetAside[];
  setAside: AsideCount[];
}

export interface FileLook {
  /** The value for --id. */
  id: string;
  path: string;
  format: string;
  /** From the header; null if it requires reading the complete file. */
  shape: Triple | null;
  spacing: Triple | null;
  /** Of its folder, or of the archive. */
  class: string | null;
  part: string | null;
  /** Why the header is refused; null if it is not. */
  refused: string | null;
}

/** Files that are not volumes, by the kind of reason. */
export interface AsideCount {
  code: string;
  files: number;
  example: SetAside;
}

export interface SourceLookOptions {
  allowGaps: boolean;
  identity: Identity;
  signal?: AbortSignal;
}

export async function lookAtSource(
  source: string,
  found: Found & { files: number },
  { allowGaps, identity, signal }: SourceLookOptions,
): Promise<SourceLook> {
  const volumes: FileLook[] = [];
  for (const volume of found.volumes) {
    signal?.throwIfAborted();
    if (volume.input.kind !== "dicom") volumes.push(await lookAtFile(volume, allowGaps));
  }
  return {
    kind: "source",
    source,
    files: found.files,
    series: lookAtSeries(found, identity, { allowGaps }),
    volumes,
    broken: found.broken.map(({ path, reason }) => ({ path, reason })),
    setAside: byReason(found.setAside),
  };
}

/** True if at least one volume can be prepared, as far as headers tell. */
export const isUsable = ({ series, volumes }: SourceLook): boolean =>
  [...series, ...volumes].some(({ refused }) => refused === null);

async function lookAtFile(
  { id, path, input, className, part }: SourceVolume,
  allowGaps: boolean,
): Promise<FileLook> {
  const look = { id, path, class: className, part };
  try {
    const header = await headerOf(input);
    const refused = gapRefusalOf(input, allowGaps);
    return { ...look, format: await formatOf(input), shape: null, spacing: null, ...header, refused };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...look, format: "–", shape: null, spacing: null, refused: reason };
  }
}

async function headerOf(input: VolumeInput): Promise<Partial<Pick<FileLook, "shape" | "spacing">>> {
  if (input.kind === "file") return await fileHeader(input.path);
  if (input.kind !== "npy") return {};
  const { shape } = await readNpyHeader(input.path);
  const [height = 0, width = 0, slices = 0] = shape;
  return shape.length === 3 ? { shape: [width, height, slices] } : {};
}

async function fileHeader(path: string): Promise<Partial<Pick<FileLook, "shape" | "spacing">>> {
  switch (await formatOf({ kind: "file", path })) {
    case "NIfTI":
      return sizesOf(await readNiftiHeader(path));
    case "NRRD":
      return sizesOf(parseNrrdHeader(await startOf(path), path));
    case "MetaImage":
      return sizesOf(parseMetaImageHeader(await startOf(path), path));
    case "npy":
    case "npz":
    case "zip":
    case "DICOM":
    case "PNG":
    case "JPEG":
      return {};
    default:
      throw new UnusableVolumeError("its content has no known format; check that the file is complete");
  }
}

const sizesOf = ({ shape, spacing }: { shape: Triple; spacing: Triple }) => ({ shape, spacing });

/** Text headers are shorter than this. */
async function startOf(path: string): Promise<Uint8Array> {
  const handle = await open(path);
  try {
    const start = new Uint8Array(2 ** 16);
    const { bytesRead } = await handle.read(start, 0, start.length, 0);
    return start.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** The most frequent first. */
export function byReason(setAside: readonly SetAside[]): AsideCount[] {
  const counts = new Map<string, AsideCount>();
  for (const aside of setAside) {
    const code = aside.code ?? "other";
    const count = counts.get(code) ?? { code, files: 0, example: aside };
    count.files++;
    counts.set(code, count);
  }
  return [...counts.values()].sort((a, b) => b.files - a.files);
}
