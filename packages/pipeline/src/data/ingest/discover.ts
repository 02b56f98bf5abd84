/** Walks a source and finds its volumes, whatever the layout; no voxel is read. */
import { statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { sliceOrder, type DicomSeries } from "@slicestack/volume";
import { readNpyHeader } from "@slicestack/volume/node";
import { NO_FILE } from "../../config/given-file.js";
import type { Progress } from "../../engine/progress.js";
import { codeOf } from "../error-code.js";
import { PrepareError } from "../errors.js";
import { reasonOf, withoutPrefix } from "../reason.js";
import { dicomVolumes } from "./dicom.js";
import { KnownReasons } from "./known-reasons.js";
import { medmnistVolumes } from "./medmnist.js";
import { volumeOf, withoutExtension } from "./paths.js";
import type { Broken, SetAside, SourceVolume } from "./source.js";
import { walk, type Walked } from "./walk.js";

export interface Found {
  /** The folder below which paths are given; absolute. */
  root: string;
  volumes: SourceVolume[];
  /** The scanned series of each DICOM volume. */
  series: ReadonlyMap<SourceVolume, DicomSeries>;
  /** Files that are not volumes, with the reason. */
  setAside: SetAside[];
  /** Volumes that cannot be read, because a slice is missing or a header is damaged. */
  broken: Broken[];
  /** Why a label may match none of the volumes. */
  reasons: KnownReasons;
}

export interface DiscoverOptions {
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

const VOLUME = /\.(nii|nii\.gz|nrrd|nhdr|mha|mhd)$/i;
const IMAGE = /\.(png|jpe?g)$/i;
/** Never DICOM, never a volume by itself: tables, texts, the data files of detached headers. */
const OTHER =
  /\.(csv|tsv|json|jsonl|txt|md|html?|xml|ya?ml|pdf|xlsx?|raw|zraw|raw\.gz|py|ipynb|log|tmp|pkl|pth?|lock)$/i;

/**
 * Finds all volumes below `source` (or in it, where it is a zip or an archive), in the order of their paths.
 * @throws PrepareError if there is no folder, or no volume in it
 */
export async function discover(source: string, options: DiscoverOptions = {}): Promise<Found> {
  const found = await survey(source, options);
  if (found.volumes.length + found.broken.length > 0) return found;
  const first = found.setAside[0];
  throw new PrepareError(
    `${source}: no volume found among ${found.files} files${first === undefined ? "" : ` (${first.path}: ${first.reason})`}`,
    "Expected NIfTI, NRRD, MetaImage, DICOM, .npy, .npz, or folders of PNG or JPEG slices, in this folder or below it.",
  );
}

/** Like `discover`, but allows a source without volumes, and counts its files. @throws PrepareError if there is no folder */
export async function survey(
  source: string,
  options: DiscoverOptions = {},
): Promise<Found & { files: number }> {
  const { root, paths, unreadable } = filesOf(source);
  const kinds = sortByKind(paths);
  const { volumes: series, setAside, identifiers } = await dicomVolumes(root, kinds.rest, options);
  const found: Omit<Found, "reasons"> = {
    root,
    volumes: [...series.keys()],
    series,
    setAside,
    broken: unreadable.map(unreadableOf),
  };
  for (const path of kinds.files)
    found.volumes.push(volumeOf(path, { kind: "file", path: join(root, path) }));
  await addArrays(root, kinds.arrays, found);
  for (const path of kinds.archives) await addArchive(root, path, found);
  addImages(root, kinds.images, found);
  makeIdsUnique(found.volumes);
  found.volumes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return { ...found, reasons: new KnownReasons({ ...found, identifiers }), files: paths.length };
}

/** The files below a folder, as sorted paths with forward slashes; for a file, the file itself. */
function filesOf(source: string): Walked & { root: string } {
  const root = resolve(source);
  try {
    const kind = statSync(root);
    if (kind.isFile()) return { root: dirname(root), paths: [basename(root)], unreadable: [] };
    if (kind.isDirectory()) return { root, ...walk(root) };
  } catch (cause) {
    const denied = ["EACCES", "EPERM"].includes(codeOf(cause));
    const remedy = denied ? "Ask for the permission to read it." : "Check the path.";
    throw new PrepareError(`${source}: expected a folder of volumes (${codeOf(cause)})`, remedy, { cause });
  }
  throw new PrepareError(
    `${source}: expected a folder of volumes, found a pipe, a socket or a device`,
    "Check the path.",
  );
}

interface Kinds {
  files: string[];
  arrays: string[];
  archives: string[];
  images: string[];
  rest: string[];
}

function sortByKind(paths: readonly string[]): Kinds {
  const kinds: Kinds = { files: [], arrays: [], archives: [], images: [], rest: [] };
  const all = new Set(paths.map((path) => path.toLowerCase()));
  for (const path of paths) {
    const stem = path
      .replace(/\.gz$/i, "")
      .replace(/\.(hdr|img)$/i, "")
      .toLowerCase();
    if (VOLUME.test(path)) kinds.files.push(path);
    else if (/\.hdr(\.gz)?$/i.test(path)) kinds.files.push(path);
    else if (/\.img(\.gz)?$/i.test(path) && (all.has(`${stem}.hdr`) || all.has(`${stem}.hdr.gz`))) continue;
    else if (/\.npy$/i.test(path)) kinds.arrays.push(path);
    else if (/\.npz$/i.test(path)) kinds.archives.push(path);
    else if (IMAGE.test(path)) kinds.images.push(path);
    else if (!OTHER.test(path)) kinds.rest.push(path);
  }
  return kinds;
}

type Volumes = Pick<Found, "volumes" | "broken">;

/** Arrays by their number of axes: (H, W) is a slice, (H, W, S) a volume, (N, H, W, S) a stack of volumes. */
async function addArrays(root: string, paths: readonly string[], found: Volumes): Promise<void> {
  const slices: string[] = [];
  for (const path of paths) {
    const file = join(root, path);
    let axes: number;
    let items: number;
    try {
      const { shape } = await readNpyHeader(file);
      axes = shape.length;
      items = shape[0] ?? 0;
    } catch (error) {
      found.broken.push(brokenAt(path, error, file));
      continue;
    }
    if (axes === 2) slices.push(path);
    else if (axes === 4) {
      for (let item = 0; item < items; item++) {
        const number = String(item).padStart(String(items - 1).length, "0");
        found.volumes.push(
          volumeOf(`${path}#${number}`, { kind: "npy-item", path: file, item, order: "HWS" }),
        );
      }
    } else found.volumes.push(volumeOf(path, { kind: "npy", path: file }));
  }
  addSlices(slices, found, (path) => join(root, path));
}

/** Files NAME_0, NAME_1 … of a folder are the slices of one volume, in the order of their numbers. */
function addSlices(paths: readonly string[], found: Volumes, absolute: (path: string) => string): void {
  const volumes = new Map<string, { index: number; path: string }[]>();
  for (const path of paths) {
    const match = /^(.*)_(\d+)\.npy$/i.exec(path);
    if (match === null) {
      const reason = "expected a slice NAME_INDEX.npy, because it is an array (H, W); its name has no index";
      found.broken.push({ path, reason, nameless: reason });
      continue;
    }
    const [, name = "", index = ""] = match;
    volumes.set(name, [...(volumes.get(name) ?? []), { index: Number(index), path }]);
  }
  for (const [path, slices] of volumes) {
    slices.sort((a, b) => a.index - b.index);
    const duplicate = slices.find(({ index }, k) => index === slices[k + 1]?.index);
    const numbers = slices.map(({ index }) => index);
    const paths = slices.map(({ path: file }) => absolute(file));
    if (duplicate === undefined) found.volumes.push(volumeOf(path, { kind: "npy-slices", paths, numbers }));
    else {
      const reason = `slice ${duplicate.index} appears twice`;
      found.broken.push({ path, reason, nameless: reason });
    }
  }
}

/** PNG or JPEG files of one folder are one volume. */
function addImages(root: string, paths: readonly string[], found: Volumes): void {
  const folders = new Map<string, string[]>();
  for (const path of paths)
    folders.set(dirname(path), [...(folders.get(dirname(path)) ?? []), basename(path)]);
  for (const [folder, files] of folders) {
    // Images directly in the source form a volume that has the name of the source.
    const path = folder === "." ? basename(root) : folder;
    try {
      // The reader decides whether missing numbers are allowed.
      const format = /\.png$/i.test(files[0]!) ? "PNG" : "JPEG";
      const { names, numbers } = sliceOrder(files, { folder: path, format, allowGaps: true });
      const paths = names.map((name) => join(root, folder, name));
      found.volumes.push(volumeOf(path, { kind: "images", paths, numbers }));
    } catch (error) {
      found.broken.push(brokenAt(path, error, join(root, folder)));
    }
  }
}

async function addArchive(root: string, path: string, found: Volumes): Promise<void> {
  try {
    found.volumes.push(...(await medmnistVolumes(join(root, path), path)));
  } catch (error) {
    found.broken.push(brokenAt(path, error, join(root, path)));
  }
}

const NAMELESS_REASONS = new Set(["a link that leads to nothing", NO_FILE]);

/** A reason from the operating system may contain the path; only Slicestack's own reasons are known not to. */
const unreadableOf = ({ path, reason }: Walked["unreadable"][number]): Broken => ({
  path,
  reason,
  nameless: NAMELESS_REASONS.has(reason) ? reason : "it cannot be read",
});

/** @param file its name in the error's message. The path itself is shown before the reason, which does not repeat it. */
function brokenAt(path: string, error: unknown, file: string): Broken {
  const { whole, nameless } = reasonOf(error);
  const reason = whole.replaceAll(file, path);
  return { path, reason: withoutPrefix(reason, path), nameless };
}

/** Ids are file names; if two are equal, all ids become paths. */
function makeIdsUnique(volumes: SourceVolume[]): void {
  if (new Set(volumes.map(({ id }) => id)).size === volumes.length) return;
  for (const volume of volumes) if (volume.input.kind !== "dicom") volume.id = withoutExtension(volume.path);
}
