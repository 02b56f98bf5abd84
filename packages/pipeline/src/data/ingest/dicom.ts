/** Finds the DICOM series of a source by the headers of its files, in folders and in zip files. */
import { basename, dirname, join } from "node:path";
import {
  acquisitionFacts,
  correctionFacts,
  named,
  partDescription,
  partUid,
  readDicomSeries,
  message,
  scanDicom,
  UnusableVolumeError,
  zipDicomSource,
  type DicomSeries,
  type DicomSource,
  type SeriesIdentity,
  VolumeFileError,
  VolumeFormatError,
  type ZipEntry,
} from "@slicestack/volume";
import { detectFormat, dicomFile, openZipFile, type ZipFile } from "@slicestack/volume/node";
import type { Progress } from "../../engine/progress.js";
import type { Recipe } from "../prepare/recipe.js";
import { arrayHash, fileHash, filesHash } from "../hash.js";
import { volumeOf } from "./paths.js";
import type { DicomFilePath, SetAside, SourceVolume, VolumeInput } from "./source.js";

interface ScanOptions {
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

export interface DicomFound {
  /** Each with the series it was made from. */
  volumes: Map<SourceVolume, DicomSeries>;
  setAside: SetAside[];
  /** Identifiers by which labels may refer to a file that was set aside. */
  identifiers: Map<SetAside, readonly string[]>;
}

/** @param paths files below `root` that are of no other format */
export async function dicomVolumes(
  root: string,
  paths: readonly string[],
  options: ScanOptions = {},
): Promise<DicomFound> {
  if (paths.length === 0) return { volumes: new Map(), setAside: [], identifiers: new Map() };
  const filesByName = new Map<string, DicomFilePath>();
  const damaged: SetAside[] = [];
  await using zips = new Zips();
  async function* sources(): AsyncGenerator<DicomSource> {
    for (const [k, path] of paths.entries()) {
      const file = join(root, path);
      if (/\.zip$/i.test(path) && (await detectFormat(file)) === "zip") {
        const entries = await zips.entries(file).catch((error: unknown) => {
          damaged.push({ path, ...reasonOfZip(error, file), code: "unreadable" });
          return [];
        });
        for (const entry of entries) {
          filesByName.set(`${path}#${entry}`, { path: file, entry });
          yield await zips.source(`${path}#${entry}`, file, entry);
        }
      } else {
        filesByName.set(path, { path: file });
        yield dicomFile(file, path);
      }
      if (k % 100 === 99 || k + 1 === paths.length)
        options.onProgress?.({ stage: "scan", done: k + 1, total: paths.length, unit: "files" });
    }
  }
  const scan = await scanDicom(sources(), options.signal === undefined ? {} : { signal: options.signal });
  const identifiers = new Map<SetAside, readonly string[]>();
  const setAside = scan.setAside.map(({ name, reason, code, identity }): SetAside => {
    const aside = { path: name, reason, code };
    if (identity !== undefined) identifiers.set(aside, identifiersOf(identity));
    return aside;
  });
  return {
    volumes: new Map(scan.series.map((series) => [volumeOfSeries(series, filesByName), series])),
    setAside: [...damaged, ...setAside],
    identifiers,
  };
}

/** A damaged or ambiguous archive is set aside; the other files are still read. */
function reasonOfZip(error: unknown, file: string): { reason: string } {
  if (!(error instanceof VolumeFormatError || error instanceof VolumeFileError)) throw error;
  return { reason: error.message.slice(`${file}: `.length) };
}

const identifiersOf = ({ patientId, accession, studyUid, seriesUid }: SeriesIdentity): string[] =>
  [patientId, accession, studyUid, seriesUid].filter((name) => name !== "");

function volumeOfSeries(series: DicomSeries, filesByName: ReadonlyMap<string, DicomFilePath>): SourceVolume {
  const names = [...new Set(series.slices.map(({ file }) => file))];
  const files = names.map((name) => filesByName.get(name)!);
  const { patientId, accession, studyUid, seriesUid } = series;
  const folder = commonFolder(names);
  // Two series may share a folder, and a reformatted series its UID with the original: the first file distinguishes them.
  const path = names.length === 1 ? names[0]! : `${folder === "" ? "." : folder} (${basename(names[0]!)} …)`;
  const volume = volumeOf(names[0]!, { kind: "dicom", series: partUid(series), files });
  return {
    ...volume,
    id: `${patientId || "unknown"}-${partUid(series)}`,
    path,
    names: {
      path: [...new Set([...folderNames(folder), ...(names.length === 1 ? volume.names.path : [])])],
      PatientID: patientId === "" ? [] : [patientId],
      AccessionNumber: accession === "" ? [] : [accession],
      StudyInstanceUID: studyUid === "" ? [] : [studyUid],
      SeriesInstanceUID: seriesUid === "" ? [] : [seriesUid],
    },
    subject: patientId === "" ? null : patientId,
    facts: acquisitionFacts(series),
    series: {
      description: partDescription(series),
      spacing: spacingOf(series),
      slices: series.slices.length,
      uid: seriesUid,
      study: studyUid === "" ? `${patientId} ${folder}` : studyUid,
    },
  };
}

/** Labels may refer to a folder by its path, or by any folder on this path that other volumes do not share. */
function folderNames(folder: string): string[] {
  if (folder === "") return [];
  const parts = folder.split("/");
  return [folder, ...parts.map((_, k) => parts.slice(0, k + 1).join("/")), ...parts];
}

function commonFolder(names: readonly string[]): string {
  let parts = dirname(names[0] ?? "").split("/");
  for (const name of names) {
    const other = dirname(name).split("/");
    let same = 0;
    while (same < parts.length && parts[same] === other[same]) same++;
    parts = parts.slice(0, same);
  }
  return parts.join("/").replace(/^\.$/, "");
}

/** Median distance between neighbouring slices along the normal, mm; the slice thickness if positions are missing. */
function spacingOf({ slices, acquisition }: DicomSeries): number {
  const along = slices.flatMap(({ position, orientation }) => {
    if (position === undefined || orientation === undefined) return [];
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = orientation;
    const normal = [b * f - c * e, c * d - a * f, a * e - b * d];
    return [normal.reduce((sum, n, k) => sum + n * (position[k] ?? 0), 0)];
  });
  along.sort((x, y) => x - y);
  const steps = along.slice(1).map((value, k) => value - along[k]!);
  steps.sort((x, y) => x - y);
  return steps[Math.floor(steps.length / 2)] ?? acquisition.sliceThickness ?? Infinity;
}

/** Hashes files as they are read, so that none is read twice. */
class ReadHashes {
  readonly #known = new Map<string, string>();

  hashing(source: DicomSource, path: string): DicomSource {
    const read = async (reuse?: Uint8Array) => {
      const bytes = await source.read(reuse);
      if (!this.#known.has(path)) this.#known.set(path, arrayHash(bytes));
      return bytes;
    };
    return { ...source, read };
  }

  /** SHA-256 of the file; it is read here where that has not happened. */
  readonly of = async (path: string): Promise<string> => this.#known.get(path) ?? (await fileHash(path));
}

/**
 * Opens one series, whose files are named. The files are open until it is disposed.
 * @throws UnusableVolumeError if they have changed   @throws VolumeFormatError, VolumeFileError
 */
export async function openDicomSeries(
  { series, files }: VolumeInput & { kind: "dicom" },
  hashes?: ReadHashes,
): Promise<AsyncDisposable & { series: DicomSeries }> {
  const zips = new Zips();
  try {
    const sources: DicomSource[] = [];
    for (const { path, entry } of files) {
      if (entry !== undefined) sources.push(await zips.source(`${path}#${entry}`, path, entry));
      else sources.push(hashes?.hashing(dicomFile(path), path) ?? dicomFile(path));
    }
    const scan = await scanDicom(sources);
    // Of an acquisition that shares its UID with another, only the files are named, so it is found as a whole series.
    const withUid = scan.series.filter(
      ({ seriesUid }) => series === seriesUid || series.startsWith(`${seriesUid}-`),
    );
    // The files may contain a reformatted series with the same UID; `dicomVolumes` found the larger one.
    const target = withUid.sort((a, b) => b.slices.length - a.slices.length)[0];
    if (target === undefined) {
      const [first] = scan.setAside;
      const reason = first === undefined ? "" : ` (${first.name}: ${first.reason})`;
      throw new UnusableVolumeError(
        message`its ${files.length} files have changed since they were found${named(`: ${series} no longer exists${reason}`, "")}`,
      );
    }
    return { series: target, [Symbol.asyncDispose]: () => zips[Symbol.asyncDispose]() };
  } catch (error) {
    await zips[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Reads the volume of one series, whose files are named, and hashes them. Runs in a worker thread.
 * @throws DicomSeriesError, VolumeFormatError, VolumeFileError
 */
export async function readDicom(
  input: VolumeInput & { kind: "dicom" },
  { allowGaps, allowSingle = false }: Pick<Recipe, "allowGaps"> & { allowSingle?: boolean },
) {
  const hashes = new ReadHashes();
  await using opened = await openDicomSeries(input, hashes);
  const { facts, ...volume } = await readDicomSeries(opened.series, { allowGaps, allowSingle });
  const sha256 = await filesHash(
    input.files.map(({ path }) => path),
    hashes.of,
  );
  return { volume, facts: correctionFacts(facts), sha256 };
}

/** Zip files that stay open while their entries are read. */
class Zips implements AsyncDisposable {
  readonly #open = new Map<string, Promise<{ zip: ZipFile; entries: Map<string, ZipEntry> }>>();

  async entries(path: string): Promise<string[]> {
    return [...(await this.#zip(path)).entries.keys()];
  }

  /** @param name for messages */
  async source(name: string, path: string, entry: string): Promise<DicomSource> {
    const zipEntry = (await this.#zip(path)).entries.get(entry);
    if (zipEntry === undefined)
      throw new UnusableVolumeError(
        message`${named(`${path}: the entry ${entry}`, "one of its files")} no longer exists`,
      );
    return zipDicomSource(zipEntry, name);
  }

  #zip(path: string) {
    const opened =
      this.#open.get(path) ??
      openZipFile(path).then((zip) => ({
        zip,
        entries: new Map(zip.entries.map((entry) => [entry.name, entry])),
      }));
    this.#open.set(path, opened);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A zip file that could not be opened has already reported its error and closed itself.
    for (const opened of this.#open.values())
      await opened.then(
        ({ zip }) => zip.close(),
        () => undefined,
      );
  }
}
