/** A folder of reports and heat-maps: a folder for each scan, which appears when it is complete. */
import { join, resolve } from "node:path";
import {
  DicomSeriesError,
  encodeDicom,
  readDicomSlices,
  UnusableVolumeError,
  VolumeFileError,
  VolumeFormatError,
  type DicomSlice,
} from "@slicestack/volume";
import { removeTemporaries, StagedFolder, writeFileAtomic } from "../data/atomic.js";
import { FileNames } from "../data/file-names.js";
import { openDicomSeries } from "../data/ingest/dicom.js";
import type { VolumeInput } from "../data/ingest/source.js";
import { FolderLock } from "../data/lock.js";
import { claimFolder, refuseForeign } from "../data/owned-folder.js";
import { sha256Of } from "../data/sealed-json.js";
import { DicomOutputError } from "./errors.js";
import { HeatMap, type ClassMap } from "./heat-map.js";
import { softwareVersion } from "./modules.js";
import { reportDataset } from "./report.js";
import { readSourceStudy, type SourceStudy } from "./source-study.js";
import type { PreparedPlace, StatedResult } from "./stated.js";
import { uidOf } from "./uids.js";

/** A predicted scan, with all that its objects state. */
export interface DicomRequest {
  /** Names the folder of its objects. */
  id: string;
  /** For messages. */
  source: string;
  input: VolumeInput;
  result: StatedResult;
  place: PreparedPlace;
  /** The map of the most probable class, or why the model has none. */
  heatMap: ClassMap | { reason: string };
  /** Everything else that the result depends on, besides source and model: calibration, operating point, precision, mask. */
  settings: string;
}

/** The objects of one scan. */
export interface WrittenObjects {
  source: string;
  /** The folder that holds them. */
  folder: string;
  report: { file: string; sopInstanceUid: string };
  /** Number of images; or why there are none. */
  heatMap: { seriesInstanceUid: string; images: number } | { reason: string };
  /** Every object, the report first. */
  objects: WrittenObject[];
}

export interface WrittenObject {
  kind: "report" | "heat-map";
  file: string;
  sopInstanceUid: string;
}

export class DicomFolder implements Disposable {
  readonly #names = new FileNames();

  private constructor(
    readonly path: string,
    private readonly lock: FolderLock,
  ) {}

  /** Nothing is written. @throws FolderError unless it is new, empty or such a folder */
  static refuse(folder: string): void {
    refuseForeign(resolve(folder), "dicom");
  }

  /** @throws FolderError as `refuse`   @throws LockedError if another process writes into it */
  static open(folder: string): DicomFolder {
    const path = resolve(folder);
    claimFolder(path, "dicom");
    const lock = FolderLock.take(path);
    removeTemporaries(path);
    return new DicomFolder(path, lock);
  }

  /**
   * Writes the objects of a scan, in place of those of an earlier prediction of it.
   * @throws DicomOutputError if the scan cannot have such objects   @throws the file system's error
   */
  async write(request: DicomRequest, signal?: AbortSignal): Promise<WrittenObjects> {
    const { input, source } = request;
    if (input.kind !== "dicom")
      throw new DicomOutputError(
        "not-dicom",
        "it is not DICOM, so it belongs to no study in which a report could be filed",
        "Predict the DICOM series itself, or omit --dicom for it.",
      );
    try {
      await using opened = await openDicomSeries(input);
      const study = await readSourceStudy(opened.series);
      return await this.#written(request, study, signal);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      throw new DicomOutputError(
        "unreadable",
        `${source} cannot be read again: ${error.message}`,
        "Check the files.",
        {
          cause: error,
        },
      );
    }
  }

  async #written(request: DicomRequest, study: SourceStudy, signal?: AbortSignal): Promise<WrittenObjects> {
    const { id, source, result, place, heatMap } = request;
    const uid = identityOf(request, study);
    const name = this.#names.of(id);
    const staged = new StagedFolder(join(this.path, name), "dicom", true);
    try {
      const images =
        "reason" in heatMap ? [] : await writeImages(staged.path, heatMap, study, request, uid, signal);
      const uids = {
        series: uid("report series"),
        instance: uid("report"),
        device: uidOf("device", result.model.sha256),
        tracking: uid("tracking"),
      };
      writeFileAtomic(join(staged.path, REPORT), encodeDicom(reportDataset(study, result, place, uids)));
      staged.commit();
      const folder = join(this.path, name);
      return {
        source,
        folder,
        report: { file: join(folder, REPORT), sopInstanceUid: uids.instance },
        heatMap:
          "reason" in heatMap
            ? heatMap
            : { seriesInstanceUid: uid("heat-map series"), images: images.length },
        objects: [
          { kind: "report", file: join(folder, REPORT), sopInstanceUid: uids.instance },
          ...images.map(({ name: image, uid: sopInstanceUid }): WrittenObject => ({
            kind: "heat-map",
            file: join(folder, image),
            sopInstanceUid,
          })),
        ],
      };
    } catch (error) {
      staged.abort();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.lock[Symbol.dispose]();
  }
}

const REPORT = "report.dcm";

async function writeImages(
  folder: string,
  map: ClassMap,
  study: SourceStudy,
  { place, result }: DicomRequest,
  uid: Uid,
  signal?: AbortSignal,
): Promise<{ name: string; uid: string }[]> {
  const uids = {
    series: uid("heat-map series"),
    instanceOf: (slice: DicomSlice) => uid("heat-map", keyOf(slice)),
  };
  const images = new HeatMap(study, map, place, uids, result.model.sha256);
  const written: { name: string; uid: string }[] = [];
  for await (const voxels of readDicomSlices(study.series, signal === undefined ? {} : { signal })) {
    const name = `heat-map-${String(voxels.place + 1).padStart(4, "0")}.dcm`;
    writeFileAtomic(join(folder, name), encodeDicom(images.dataset(voxels), { rle: true }));
    written.push({ name, uid: uids.instanceOf(study.slices[voxels.place]!) });
  }
  return written;
}

type Uid = (kind: string, part?: string) => string;

/** An image, and the frame in it. */
const keyOf = ({ image, frame }: DicomSlice): string => `${image.sopInstance} ${frame}`;

/** The UIDs of a scan's objects follow from its images, the model and whatever else changes what they state. */
function identityOf({ result, settings }: DicomRequest, { series, slices }: SourceStudy): Uid {
  const { studyUid, seriesUid } = series;
  const facts = [studyUid, seriesUid, slices.map(keyOf), result.model.sha256, settings, softwareVersion()];
  const identity = sha256Of(JSON.stringify(facts));
  return (kind, part = "") => uidOf(identity, kind, part);
}

const isUnreadable = (error: unknown): error is Error =>
  error instanceof VolumeFormatError ||
  error instanceof VolumeFileError ||
  error instanceof DicomSeriesError ||
  error instanceof UnusableVolumeError;
