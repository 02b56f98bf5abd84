/** Predicts scans with a trained model: a result for each, and what is asked for in a folder. */
import { join, resolve } from "node:path";
import { writeFileAtomic } from "../data/atomic.js";
import { csvText } from "../data/csv.js";
import type { SetAside } from "../data/ingest/source.js";
import { FileNames } from "../data/file-names.js";
import { FolderLock } from "../data/lock.js";
import { claimFolder, refuseForeign } from "../data/owned-folder.js";
import type { EngineSession } from "../engine/session.js";
import type { TaskOptions } from "../engine/task-options.js";
import type { WrittenObjects } from "../dicom-out/dicom-folder.js";
import type { FailedScan } from "../scan/find-scans.js";
import type { PredictedScan } from "../scan/predict-scans.js";
import type { ComputeWishes } from "../scan/scan-job.js";
import { Predictor, type PredictFilesOptions } from "../scan/scan-predictor.js";
import type { FindTrainedOptions } from "../trained/find-trained.js";
import type { ScanResult } from "../scan/scan-result.js";

export interface PredictOptions
  extends
    Omit<TaskOptions, "session">,
    ComputeWishes,
    FindTrainedOptions,
    Omit<PredictFilesOptions, "onFailure"> {
  /** Folder of a run or a group, or file of a bundle. */
  model: string;
  /** Files, folders, archives and patterns. */
  inputs: readonly string[];
  /** Folder of predictions.csv, a JSON file for each scan, and maps: a new one, or one of predictions, in which files are replaced. */
  out?: string;
  /** As soon as a scan is done. */
  onResult?: (result: ScanResult) => void;
  onFailure?: (failed: FailedScan) => void;
  /** The session that computes, which is closed at the end. Default: a new one. */
  session?: EngineSession;
}

export interface PredictSummary {
  model: { name: string; hashes: readonly string[]; isCalibrated: boolean };
  results: ScanResult[];
  failed: FailedScan[];
  /** The DICOM objects of each scan, where --dicom asked for them. */
  dicom: WrittenObjects[];
  /** Scans that were predicted, and whose DICOM objects could not be written. */
  withoutDicom: FailedScan[];
  /** Files that are no scans, and series that were not asked for. */
  setAside: SetAside[];
  /** Folder that was written; null where none was asked for. */
  out: string | null;
}

/**
 * A scan that cannot be predicted is reported and does not stop the others. A stop keeps what is done: the results so far are
 * in the folder.
 * @throws PredictError, RunError, FolderError, CheckpointError, LibtorchNotFoundError   @throws the signal's reason
 */
export async function predict(options: PredictOptions): Promise<PredictSummary> {
  try {
    await refuseFolders(options);
  } catch (error) {
    await options.session?.terminate();
    throw error;
  }
  await using model = await Predictor.opening(options.model, options);
  // A model that cannot be opened leaves no folder behind.
  if (options.out !== undefined || options.dicom !== undefined) await model.ready();
  return await predictWith(model, options); // the model is closed when this returns
}

async function refuseFolders({ out, dicom }: Pick<PredictOptions, "out" | "dicom">): Promise<void> {
  if (out !== undefined) refuseForeign(resolve(out), "predictions");
  if (dicom !== undefined) (await import("../dicom-out/dicom-folder.js")).DicomFolder.refuse(dicom);
}

/** As `predict`, with a model that is open and stays open. */
export async function predictWith(
  model: Predictor,
  options: Omit<PredictOptions, "model">,
): Promise<PredictSummary> {
  const { inputs, maps = [], onResult, onFailure, onDicom, onDicomFailure } = options;
  const out = options.out === undefined ? null : resolve(options.out);
  if (out !== null) refuseForeign(out, "predictions");
  if (out !== null) claimFolder(out, "predictions");
  using _lock = out === null ? null : FolderLock.take(out);
  const names = new FileNames();
  const results: ScanResult[] = [];
  const failed: FailedScan[] = [];
  const objects: Pick<PredictSummary, "dicom" | "withoutDicom"> = { dicom: [], withoutDicom: [] };
  const on = {
    scan: async (one: PredictedScan) => {
      const result = out === null ? one.result : await written(out, names.of(one.result.id), one);
      results.push(result);
      onResult?.(result);
    },
    failure: (one: FailedScan) => {
      failed.push(one);
      onFailure?.(one);
    },
  };
  const writeTable = () => {
    if (out !== null)
      writeFileAtomic(join(out, "predictions.csv"), predictionsText(model.classes, results, failed));
  };
  let setAside: SetAside[];
  try {
    ({ setAside } = await model.each(inputs, on, {
      ...options,
      maps: out === null ? [] : maps,
      onDicom: (written) => {
        objects.dicom.push(written);
        onDicom?.(written);
      },
      onDicomFailure: (one) => {
        objects.withoutDicom.push({ source: one.source, reason: one.reason });
        onDicomFailure?.(one);
      },
    }));
  } catch (error) {
    tryTo(writeTable); // why it ended counts more than that this failed, too
    throw error;
  }
  writeTable();
  const { name, hashes, isCalibrated } = model;
  return { model: { name, hashes, isCalibrated }, results, failed, ...objects, setAside, out };
}

function tryTo(body: () => void): void {
  try {
    body();
  } catch {
    // The caller reports what came before.
  }
}

/** @returns the result with the names of its maps */
async function written(
  out: string,
  name: string,
  { result, maps, place }: PredictedScan,
): Promise<ScanResult> {
  const files: string[] = [];
  const drawn = Object.entries(maps);
  if (drawn.length > 0) {
    const { mapInSource } = await import("../explain/source-map.js");
    const { writeNifti } = await import("@slicestack/volume/node");
    for (const [kind, map] of drawn) {
      const file = `${name}-${kind}.nii.gz`;
      await writeNifti(join(out, file), mapInSource(map, place, place.size));
      files.push(file);
    }
  }
  const whole = { ...result, maps: files };
  writeFileAtomic(join(out, `${name}.json`), `${JSON.stringify(whole, null, 2)}\n`);
  return whole;
}

/** predictions.csv: a row for each scan, those that could not be predicted last, with the reason. */
export function predictionsText(
  classes: readonly string[],
  results: readonly ScanResult[],
  failed: readonly FailedScan[],
): string {
  const header = [
    "id",
    "source",
    "decision",
    ...classes.map((name) => `p(${name})`),
    ...classes.map((name) => `uncalibrated(${name})`),
    "set",
    "warnings",
    "error",
  ];
  const rows = results.map(({ id, source, decision, probabilities, uncalibrated, set, warnings }) => [
    id,
    source,
    decision.class,
    ...classes.map((name) => String(probabilities[name])),
    ...classes.map((name) => String(uncalibrated[name])),
    set === null ? "" : set.classes.join(" | "),
    warnings.map(({ message }) => message).join("; "),
    "",
  ]);
  const empty = new Array<string>(2 * classes.length + 3).fill("");
  const errors = failed.map(({ source, reason }) => ["", source, ...empty, reason]);
  return csvText([header, ...rows, ...errors]);
}
