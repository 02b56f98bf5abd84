/**
 * A client of DICOMweb: searching (QIDO-RS), retrieving (WADO-RS) and storing (STOW-RS). DICOM PS3.18, chapter 10.
 * Bodies are streamed: a study is never held in memory.
 */
import { createReadStream } from "node:fs";
import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { parseAddress, placePath, type DicomWebAddress, type Place } from "./address.js";
import { countOf, datasetSchema, datasetsSchema, itemsOf, textOf, type JsonDataset } from "./dicom-json.js";
import { DicomWebError } from "./errors.js";
import { boundaryOf, MultipartError, readMultipart, writeMultipart, type PartSink } from "./multipart.js";
import { exchange, type Answer, type RequestOptions } from "./request.js";

export interface SeriesEntry {
  study: string;
  series: string;
  /** CT, MR, SR …; null where the server does not say. */
  modality: string | null;
  description: string | null;
  /** The number of its objects; null where the server does not say. */
  instances: number | null;
}

export interface StudyEntry {
  study: string;
  patient: string | null;
  accession: string | null;
  date: string | null;
  description: string | null;
}

export interface StoredObjects {
  stored: string[];
  /** UIDs of objects that the server did not take, with its reason (PS3.18, I.2.2). */
  failed: { instance: string; reason: number | null }[];
}

/** The most bytes of an answer in JSON. */
const MOST_JSON = 2 ** 26;

export class DicomWebClient {
  readonly root: string;
  readonly #options: RequestOptions;

  /** @param root the service: https://pacs.example/dicom-web */
  constructor(root: string, options: RequestOptions = {}) {
    this.root = root.replace(/\/+$/, "");
    this.#options = options;
  }

  /** @param address of a study, a series or an instance   @throws DicomWebError */
  static at(address: string, options: RequestOptions = {}): { client: DicomWebClient; place: Place } {
    const { root, place, login }: DicomWebAddress = parseAddress(address);
    return { client: new DicomWebClient(root, { login, ...options }), place };
  }

  /**
   * Searches for studies, such as { PatientID: "17", limit: "10" }.
   * @throws DicomWebError
   */
  async studies(query: Record<string, string> = {}): Promise<StudyEntry[]> {
    const text = new URLSearchParams({ includefield: "00081030", ...query }).toString();
    const datasets = await this.#json(`/studies?${text}`, datasetsSchema);
    return datasets.map((dataset) => ({
      study: this.#uid(dataset, "0020000D"),
      patient: textOf(dataset, "00100020"),
      accession: textOf(dataset, "00080050"),
      date: textOf(dataset, "00080020"),
      description: textOf(dataset, "00081030"),
    }));
  }

  /** The series of a study. @throws DicomWebError, `not-found` where the study has none */
  async series(study: string): Promise<SeriesEntry[]> {
    const path = `/studies/${study}/series`;
    const datasets = await this.#json(`${path}?includefield=0008103E&includefield=00201209`, datasetsSchema);
    if (datasets.length === 0)
      throw new DicomWebError(
        this.root + path,
        "not-found",
        "the server has no such study",
        "Check the UID.",
      );
    return datasets.map((dataset) => ({
      study,
      series: this.#uid(dataset, "0020000E"),
      modality: textOf(dataset, "00080060"),
      description: textOf(dataset, "0008103E"),
      instances: countOf(dataset, "00201209"),
    }));
  }

  /**
   * Retrieves the objects of a study, a series or an instance as DICOM files, in their stored transfer syntax.
   * @param begin called for each object; returns what takes its bytes   @returns how many there were
   * @throws DicomWebError   @throws whatever the sink throws
   */
  async retrieve(place: Place, begin: () => PartSink): Promise<number> {
    const url = this.root + placePath(place);
    const accept = 'multipart/related; type="application/dicom"; transfer-syntax=*';
    return exchange({ url, accept }, this.#options, async ({ status, headers, pieces }) => {
      if (status === 204) throw notFound(url);
      const type = headers.get("content-type") ?? "";
      const boundary = boundaryOf(type);
      if (boundary === null && !/^application\/dicom\b(?!\+)/i.test(type)) throw notDicom(url, type);
      try {
        const count =
          boundary === null ? await whole(pieces, begin()) : await readMultipart(pieces, boundary, begin);
        if (count === 0) throw notFound(url);
        return count;
      } catch (error) {
        if (!(error instanceof MultipartError)) throw error;
        const fault = error.isTruncated ? "truncated" : "invalid";
        throw new DicomWebError(url, fault, error.message, "Try again.", { cause: error });
      }
    });
  }

  /**
   * Stores DICOM files. Objects that the server has already are stored again or refused, as it is configured.
   * @param files paths   @param study to which they belong; other objects are then refused by the server
   * @throws DicomWebError if none was taken
   */
  async store(files: readonly string[], study?: string): Promise<StoredObjects> {
    const answer = await this.storeEach(files, study);
    const { stored, failed } = answer;
    if (stored.length > 0 || failed.length === 0) return answer;
    const codes = [...new Set(failed.map(({ reason }) => reason ?? "unknown"))].join(", ");
    const problem = `the server stored none of ${failed.length} objects (reason ${codes})`;
    throw new DicomWebError(this.#studies(study), "refused", problem, "Its log says why.");
  }

  /**
   * As `store`, but an answer that refuses every object is an answer, too.
   * @throws DicomWebError if the server does not answer for each object
   */
  async storeEach(files: readonly string[], study?: string): Promise<StoredObjects> {
    const url = this.#studies(study);
    const boundary = `slicestack-${randomUUID()}`;
    const body = {
      type: `multipart/related; type="application/dicom"; boundary="${boundary}"`,
      pieces: writeMultipart(files, boundary, "application/dicom", (file) => createReadStream(file)),
    };
    const answer = await exchange({ url, accept: "application/dicom+json", body }, this.#options, (dataset) =>
      jsonOf(dataset, url, datasetSchema),
    );
    const failed = itemsOf(answer, "00081198").map((item) => ({
      instance: textOf(item, "00081155") ?? "",
      reason: countOf(item, "00081197"),
    }));
    const stored = itemsOf(answer, "00081199").map((item) => textOf(item, "00081155") ?? "");
    return { stored, failed };
  }

  #studies(study?: string): string {
    return `${this.root}/studies${study === undefined ? "" : `/${study}`}`;
  }

  #json<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T>> {
    const url = this.root + path;
    return exchange({ url, accept: "application/dicom+json" }, this.#options, (answer) =>
      jsonOf(answer, url, schema),
    );
  }

  #uid(dataset: JsonDataset, tag: string): string {
    const uid = textOf(dataset, tag);
    if (uid !== null && /^[0-9]+(\.[0-9]+)*$/.test(uid)) return uid;
    throw new DicomWebError(
      this.root,
      "invalid",
      `an answer has no valid UID (${tag})`,
      "Ask whoever runs the server.",
    );
  }
}

async function whole(pieces: AsyncIterable<Uint8Array>, sink: PartSink): Promise<number> {
  for await (const piece of pieces) sink.write(piece);
  sink.end();
  return 1;
}

/** An empty answer (204) is an empty list or data set. */
async function jsonOf<T extends z.ZodType>(
  { status, pieces }: Answer,
  url: string,
  schema: T,
): Promise<z.output<T>> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > MOST_JSON)
      throw new DicomWebError(url, "too-large", `the answer exceeds ${MOST_JSON} bytes`, "Ask for less.");
    parts.push(piece);
  }
  const text = Buffer.concat(parts).toString("utf8");
  const empty = schema.safeParse([]).success ? "[]" : "{}";
  const parsed = schema.safeParse(plain(status === 204 || text.trim() === "" ? empty : text));
  if (parsed.success) return parsed.data;
  const remedy = "Check the address: it may not be that of a DICOMweb service.";
  throw new DicomWebError(url, "invalid", "the answer is not DICOM JSON", remedy, { cause: parsed.error });
}

function plain(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // refused by the schema
  }
}

const notFound = (url: string) =>
  new DicomWebError(url, "not-found", "the server has nothing there", "Check the UIDs of the address.");

const notDicom = (url: string, type: string) =>
  new DicomWebError(
    url,
    "invalid",
    `expected multipart/related with DICOM objects, received ${type === "" ? "no type" : type}`,
    "Check the address: it may not be that of a DICOMweb service.",
  );
