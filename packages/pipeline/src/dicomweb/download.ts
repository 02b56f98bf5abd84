/** A study or series of a DICOMweb server as files in a temporary folder. */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Progress } from "../engine/progress.js";
import { withoutLogin, type Place } from "./address.js";
import { DicomWebClient, type SeriesEntry } from "./client.js";
import { DicomWebError } from "./errors.js";
import type { PartSink } from "./multipart.js";
import type { RequestOptions } from "./request.js";

export interface DownloadLimits {
  /** Of all objects together. Default: 16 GiB. */
  maxBytes?: number;
  /** Default: 50 000. */
  maxObjects?: number;
  /** Folder in which the temporary one is made. Default: that of the system. */
  parent?: string;
}

export interface DownloadedStudy extends Disposable {
  /** Holds a DICOM file for each object; removed with everything in it on disposal. */
  folder: string;
  /** The address without user name and password. */
  url: string;
  /** The service that it is at. */
  root: string;
  objects: number;
  /** Series that were not fetched, because they hold no images of a volume. */
  setAside: { series: SeriesEntry; reason: string }[];
}

/** Objects with these modalities are documents, not images (PS3.3, C.7.3.1.1.1). */
const DOCUMENTS = new Set([
  "SR",
  "KO",
  "PR",
  "DOC",
  "SEG",
  "RTSTRUCT",
  "RTPLAN",
  "RTRECORD",
  "REG",
  "FID",
  "AU",
  "ECG",
  "PLAN",
]);
const DEFAULTS = { maxBytes: 2 ** 34, maxObjects: 50_000 };

/**
 * @param address https://HOST/dicom-web/studies/UID, or the same with /series/UID
 * @throws DicomWebError; nothing is then left on disk   @throws the signal's reason
 */
export async function downloadStudy(
  address: string,
  options: RequestOptions & DownloadLimits & { onProgress?: (progress: Progress) => void } = {},
): Promise<DownloadedStudy> {
  const { onProgress, parent = tmpdir(), ...others } = options;
  const { maxBytes = DEFAULTS.maxBytes, maxObjects = DEFAULTS.maxObjects, ...requests } = others;
  const { client, place } = DicomWebClient.at(address, requests);
  const url = withoutLogin(address);
  const { places, setAside, expected } = await plan(client, place);
  if (expected !== null && expected > maxObjects) throw tooMany(url, expected, maxObjects);
  const folder = mkdtempSync(join(parent, "slicestack-dicomweb-"));
  const files = new Files(folder, url, { maxBytes, maxObjects }, (done) =>
    onProgress?.({
      stage: "download",
      done,
      total: Math.max(done, expected ?? done),
      unit: "objects",
      message: url,
    }),
  );
  try {
    for (const one of places) await client.retrieve(one, () => files.next());
    if (files.count === 0)
      throw new DicomWebError(url, "not-found", "the study holds no images", "Check the UID of the study.");
  } catch (error) {
    files.close();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const remove = () => rmSync(folder, { recursive: true, force: true });
  return { folder, url, root: client.root, objects: files.count, setAside, [Symbol.dispose]: remove };
}

/** What to fetch: of a study, its series with images. A server that cannot search is asked for the whole study. */
async function plan(client: DicomWebClient, place: Place) {
  if (place.series !== undefined) return { places: [place], setAside: [], expected: null };
  let series: SeriesEntry[];
  try {
    series = await client.series(place.study);
  } catch (error) {
    const cannotSearch = error instanceof DicomWebError && [405, 501].includes(error.status ?? 0);
    if (!cannotSearch) throw error;
    return { places: [place], setAside: [], expected: null };
  }
  const isDocument = ({ modality }: SeriesEntry) => modality !== null && DOCUMENTS.has(modality);
  const images = series.filter((series) => !isDocument(series));
  const counts = images.map(({ instances }) => instances);
  return {
    places: images.map(({ study, series }): Place => ({ study, series })),
    setAside: series.filter(isDocument).map((series) => ({
      series,
      reason: `its modality ${series.modality} holds no volume, so that it was not fetched`,
    })),
    expected: counts.includes(null) ? null : counts.reduce<number>((sum, count) => sum + count!, 0),
  };
}

type Limits = Required<Pick<DownloadLimits, "maxBytes" | "maxObjects">>;

/** The files of the objects, numbered; each is written as its bytes arrive. */
class Files {
  readonly #folder: string;
  readonly #url: string;
  readonly #limits: Limits;
  readonly #onObject: (done: number) => void;
  #descriptor: number | null = null;
  #bytes = 0;
  count = 0;

  constructor(folder: string, url: string, limits: Limits, onObject: (done: number) => void) {
    this.#folder = folder;
    this.#url = url;
    this.#limits = limits;
    this.#onObject = onObject;
  }

  next(): PartSink {
    if (++this.count > this.#limits.maxObjects) throw tooMany(this.#url, this.count, this.#limits.maxObjects);
    const descriptor = openSync(join(this.#folder, `${String(this.count).padStart(6, "0")}.dcm`), "wx");
    this.#descriptor = descriptor;
    return {
      write: (piece) => this.#write(descriptor, piece),
      end: () => {
        this.close();
        this.#onObject(this.count);
      },
    };
  }

  #write(descriptor: number, piece: Uint8Array): void {
    this.#bytes += piece.length;
    const { maxBytes } = this.#limits;
    if (this.#bytes > maxBytes)
      throw new DicomWebError(
        this.#url,
        "too-large",
        `it has more than ${(maxBytes / 2 ** 30).toFixed(1)} GiB`,
        "Name one of its series: /series/UID.",
      );
    for (let done = 0; done < piece.length;) done += writeSync(descriptor, piece, done);
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }
}

const tooMany = (url: string, objects: number, most: number) =>
  new DicomWebError(
    url,
    "too-large",
    `it has ${objects} objects; at most ${most} are taken`,
    "Name one of its series: /series/UID.",
  );
