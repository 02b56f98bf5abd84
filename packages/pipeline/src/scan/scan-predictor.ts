/** Programmatic entry point: opens a trained model once and predicts scans from files. */
import type { EngineSession } from "../engine/session.js";
import type { TaskOptions } from "../engine/task-options.js";
import { fileHash } from "../data/hash.js";
import type { DicomFolder, WrittenObjects } from "../dicom-out/dicom-folder.js";
import { DicomOutputError } from "../dicom-out/errors.js";
import { loadPlugins } from "../config/plugins.js";
import { decisionFor } from "../models/decision.js";
import { togetherHash } from "../models/model-hash.js";
import type { ModelSpec } from "../models/spec.js";
import { PredictError } from "./errors.js";
import type { FailedScan, FoundScans } from "./find-scans.js";
import {
  predictScans,
  type OpenScanModel,
  type PredictedScan,
  type PredictScansOptions,
} from "./predict-scans.js";
import { recipeOfModel } from "./recipe.js";
import { eachSource } from "./remote-scans.js";
import { ScanBatches } from "./scan-batches.js";
import type { ComputeWishes, OpenedModel, ScanJob } from "./scan-job.js";
import type { ScanResult } from "./scan-result.js";
import { SCAN_JOB, startScanSession } from "./scan-session.js";
import { findTrained, type FindTrainedOptions } from "../trained/find-trained.js";
import type { TrainedModel } from "../trained/trained-model.js";

export interface PredictFilesOptions extends PredictScansOptions {
  /**
   * Which series of a DICOM study: thinnest, a UID, or a regular expression on the description. Default: every series.
   */
  series?: string;
  /**
   * Folder of DICOM objects: for each DICOM scan, a structured report and a heat-map in the study of the scan. A new
   * folder, or one of such objects, in which those of the same scans are replaced.
   */
  dicom?: string;
  /** Called for each scan whose objects were written. */
  onDicom?: (written: WrittenObjects) => void;
  /** Called for each predicted scan whose objects could not be written; if absent, `predict` throws at the end. */
  onDicomFailure?: (failed: FailedScan & { error: DicomOutputError }) => void;
  /** Called for each scan that cannot be predicted; if absent, `predict` throws after the others are done. */
  onFailure?: (failed: FailedScan) => void;
}

export interface BatchListener {
  /** Called with the number of scans whose slices were computed together, and the number of these slices. */
  onBatch?: (scans: number, slices: number) => void;
}

export interface OpenPredictorOptions
  extends ComputeWishes, FindTrainedOptions, BatchListener, Pick<TaskOptions, "signal"> {
  /** The session that computes, which the model closes at the end. Default: a new one. */
  session?: EngineSession;
}

const NOT_COMPUTED = "it was not computed";
let opened = 0;

/**
 * A trained model that predicts scans. It keeps a thread and the model's weights until it is disposed.
 *
 *     using model = await Predictor.open("runs/lung");
 *     const [result] = await model.predict("scan.nii.gz");
 *     console.log(result.decision.class, result.probabilities);
 */
export class Predictor implements Disposable, AsyncDisposable {
  readonly #session: EngineSession;
  readonly #trained: TrainedModel;
  readonly #key: string;
  readonly #opening: Promise<OpenScanModel>;
  #opened: OpenScanModel | null = null;

  private constructor(trained: TrainedModel, session: EngineSession, options: OpenPredictorOptions) {
    this.#trained = trained;
    this.#session = session;
    this.#key = `model ${++opened}`;
    this.#opening = openIn(session, this.#key, trained, options).then((opened) => (this.#opened = opened));
    this.#opening.catch(() => session.terminate());
  }

  /**
   * @param path folder of a run, folder of a group (whose members' probabilities are averaged), or file of a bundle
   * @throws RunError, BundleError, CheckpointError, PluginError, PredictError, ConfigError, LibtorchNotFoundError
   */
  static async open(path: string, options: OpenPredictorOptions = {}): Promise<Predictor> {
    const model = await Predictor.opening(path, options);
    await model.ready();
    return model;
  }

  /**
   * Like `open`, but returns while a thread still loads libtorch and the weights, so that scans are found and prepared
   * meanwhile. What only the weights tell (hashes, calibration, device) is available after `ready`.
   * @throws RunError, BundleError, PluginError, ConfigError; the other errors of `open` reject `ready` and predictions
   */
  static async opening(path: string, options: OpenPredictorOptions = {}): Promise<Predictor> {
    const { session = startScanSession() } = options;
    try {
      const model = await findTrained(path, options);
      for (const { spec } of model.members) await loadPlugins(spec.plugins);
      return new Predictor(model, session, options);
    } catch (error) {
      await session.terminate();
      throw error;
    }
  }

  /** Resolves once the model can predict. @throws the errors of `open`; the model is then closed */
  async ready(): Promise<void> {
    await this.#opening;
  }

  /** Class names, in the order of the model's outputs. */
  get classes(): readonly string[] {
    return this.spec.classes.names;
  }

  /** The contract of the model, which describes the model and its input. For a group, that of its first member. */
  get spec(): ModelSpec {
    return this.#trained.members[0]!.spec;
  }

  get name(): string {
    return this.#trained.name;
  }

  get #open(): OpenScanModel {
    if (this.#opened !== null) return this.#opened;
    throw new PredictError("The model is still being opened", "Await its `ready()` first.");
  }

  /** SHA-256 of the contract and the weights of each member. */
  get hashes(): readonly string[] {
    return this.#open.opened.hashes;
  }

  /** Identifies the model in results: the hash of its only member, or of the hashes of its members. */
  get sha256(): string {
    return togetherHash(this.hashes);
  }

  /** Whether an evaluation fitted a calibration for exactly these weights. */
  get isCalibrated(): boolean {
    return this.#open.model.members.every(({ decision }) => decision !== null);
  }

  /** The device on which it computes. */
  get device(): { name: string; bfloat16: boolean; threads: number } {
    const { device, bfloat16, threads } = this.#open.opened;
    return { name: device, bfloat16, threads };
  }

  /**
   * Predicts every scan in these files, folders and archives, which are read as in `prepare`, and at DICOMweb addresses
   * (https://HOST/dicom-web/studies/UID; bearer token in SLICESTACK_DICOMWEB_TOKEN).
   * @returns one result per scan, in the order in which they were found
   * @throws PredictError, with `results` and `failed`, if a scan cannot be predicted and there is no `onFailure`, or its
   * DICOM objects cannot be written and there is no `onDicomFailure`
   */
  async predict(
    inputs: string | readonly string[],
    options: PredictFilesOptions = {},
  ): Promise<ScanResult[]> {
    const results: ScanResult[] = [];
    const failed: FailedScan[] = [];
    const withoutDicom: FailedScan[] = [];
    const { onFailure, onDicomFailure } = options;
    await this.each(
      inputs,
      {
        scan: ({ result }) => void results.push(result),
        failure: (one) => (onFailure === undefined ? void failed.push(one) : onFailure(one)),
      },
      { ...options, onDicomFailure: onDicomFailure ?? ((one) => void withoutDicom.push(one)) },
    );
    const [first] = failed;
    const [bare] = withoutDicom;
    if (first === undefined && bare === undefined) return results;
    if (first === undefined)
      throw Object.assign(
        new PredictError(
          `The DICOM objects of ${bare!.source} were not written: ${bare!.reason}`,
          "Pass onDicomFailure to continue without them; error.results contains every result.",
        ),
        { results, failed: withoutDicom },
      );
    const others = failed.length === 1 ? "" : ` (and ${failed.length - 1} more)`;
    throw Object.assign(
      new PredictError(
        `${first.source} cannot be predicted: ${first.reason}${others}`,
        "Omit it, or pass onFailure to continue without it; error.results contains the others.",
      ),
      { results, failed },
    );
  }

  /**
   * Like `predict`, one scan at a time; results are not retained. @returns what was found
   */
  async each(
    inputs: string | readonly string[],
    on: {
      scan: (one: PredictedScan) => Promise<void> | void;
      failure: (one: FailedScan) => Promise<void> | void;
    },
    options: Omit<PredictFilesOptions, "onFailure"> = {},
  ): Promise<FoundScans> {
    const objects = options.dicom === undefined ? null : await import("../dicom-out/dicom-folder.js");
    objects?.DicomFolder.refuse(options.dicom!);
    recipeOfModel(this.spec, options.mask ?? null); // Refuses an unnecessary mask before searching for scans.
    using folder = objects?.DicomFolder.open(options.dicom!) ?? null;
    const loading = { spec: this.spec, opening: this.#opening };
    const predictFound = async ({ scans }: FoundScans): Promise<void> => {
      if (folder === null) return predictScans(loading, scans, on, options);
      const masks = new Map(scans.map(({ id, mask }) => [id, mask]));
      const withObjects = async (one: PredictedScan) => {
        await this.#writeObjects(folder, one, masks.get(one.result.id) ?? null, options);
        await on.scan(one);
      };
      return predictScans(loading, scans, { ...on, scan: withObjects }, { ...options, heatMaps: true });
    };
    try {
      return await eachSource(typeof inputs === "string" ? [inputs] : inputs, options, async (found) => {
        if (found.failed.length > 0) await this.ready();
        for (const one of found.failed) await on.failure(one);
        await predictFound(found);
      });
    } catch (error) {
      await this.ready(); // A model that cannot be opened concerns every scan, and is reported first.
      throw error;
    }
  }

  /** What else changes a result besides the scan and the model, so that objects with equal UIDs state the same. */
  async #writeObjects(
    folder: DicomFolder,
    { result, input, place, heatMap }: PredictedScan,
    mask: string | null,
    { operatingPoint, onDicom, onDicomFailure, signal }: Omit<PredictFilesOptions, "onFailure">,
  ): Promise<void> {
    const { model, opened } = this.#open;
    const { id, source } = result;
    const settings = JSON.stringify([
      model.members.map(({ decision }) => decision),
      operatingPoint ?? null,
      opened.bfloat16,
      mask === null ? null : await fileHash(mask),
    ]);
    try {
      const request = {
        id,
        source,
        input,
        result,
        place,
        settings,
        heatMap: heatMap ?? { reason: NOT_COMPUTED },
      };
      const written = await folder.write(request, signal);
      onDicom?.(written);
    } catch (error) {
      if (!(error instanceof DicomOutputError)) throw error;
      onDicomFailure?.({ source, reason: error.message, error });
    }
  }

  /** Ends the thread immediately and frees its memory. */
  [Symbol.dispose](): void {
    void this.#session.terminate();
  }

  /** Waits for a running prediction to end first. */
  async [Symbol.asyncDispose](): Promise<void> {
    const job: ScanJob = { step: "close", key: this.#key };
    await this.#session.run<ScanJob, null>(SCAN_JOB, job).catch(() => undefined);
    await this.#session.close();
  }
}

/** Loads libtorch and the weights in the thread of the session. */
async function openIn(
  session: EngineSession,
  key: string,
  model: TrainedModel,
  options: OpenPredictorOptions,
): Promise<OpenScanModel> {
  const { device, threads, precision, signal } = options;
  const compute: ComputeWishes = {
    ...(device === undefined ? {} : { device }),
    ...(threads === undefined ? {} : { threads }),
    ...(precision === undefined ? {} : { precision }),
  };
  const job: ScanJob = { step: "open", key, model, compute };
  const facts = await session.run<ScanJob, OpenedModel>(
    SCAN_JOB,
    job,
    signal === undefined ? {} : { signal },
  );
  const members = model.members.map((member, k) => ({
    ...member,
    decision: decisionFor(member.decision, facts.hashes[k]!),
  }));
  const batches = new ScanBatches(session, key, options.onBatch);
  return { model: { ...model, members }, opened: facts, batches };
}
