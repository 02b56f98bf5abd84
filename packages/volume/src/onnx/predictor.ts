/** Predicts scans with an exported graph: in a browser, or wherever a runtime of ONNX runs. */
import { DicomSeriesError } from "../dicom/errors.js";
import { RegionError, VolumeFileError, VolumeFormatError } from "../errors.js";
import type { ByteSource } from "../bytes/source.js";
import { familiarityWarnings, type ScanWarning } from "../prepare/familiarity.js";
import { preparationDoubts, shareableFacts } from "../prepare/facts.js";
import { prepareVoxels, type PreparedVoxels } from "../prepare/prepare-voxels.js";
import { misfitOf, otherKindOf, recipeOf } from "../prepare/recipe.js";
import { UnusableVolumeError } from "../prepare/unusable.js";
import type { Volume } from "../volume.js";
import { OnnxModelError } from "./error.js";
import { findScans, type ChosenFile, type ChosenScan, type ChosenScans } from "./find-scans.js";
import { graphFacts, type GraphFacts } from "./model-facts.js";
import { onnxMetadata } from "./metadata.js";
import type { OnnxRuntime, OnnxSession } from "./runtime.js";
import { sliceWeights, type SliceWeight } from "./slice-weights.js";

export interface PredictScanOptions {
  /** The region to keep, in the space of the scan: needed if the model was trained on volumes cropped to masks. */
  mask?: Volume;
  /** URL of dcmjs-native-codecs.wasm, which reads compressed DICOM in browsers. */
  codecUrl?: string;
  onStage?: (stage: "read" | "prepare" | "predict", scan: ChosenScan) => void;
  signal?: AbortSignal;
}

export interface PredictChosenOptions extends Omit<PredictScanOptions, "mask"> {
  /** Called for each scan that cannot be predicted; if absent, an error is thrown after the others are done. */
  onFailure?: (failed: { source: string; reason: string }) => void;
  /** Called for each file that is not a scan, if there are scans beside it. */
  onSetAside?: (file: { name: string; reason: string }) => void;
}

/** The result for one scan, named as in the results of `slicestack predict`. */
export interface OnnxResult {
  id: string;
  source: string;
  model: { name: string; method: GraphFacts["method"]; sha256: string };
  /** By class; calibrated if `calibrated` is true. */
  probabilities: Record<string, number>;
  /** By class, as computed by the model. */
  uncalibrated: Record<string, number>;
  calibrated: boolean;
  /** Slices that the model saw, with the weight of each; empty for 3D models. */
  slices: SliceWeight[];
  /** What should be doubted about the scan or was corrected in it, and where it is unlike the training scans. */
  warnings: ScanWarning[];
  scan: { shape: number[]; spacing: number[]; facts: Record<string, string> };
  seconds: { prepare: number; predict: number };
}

/** A result with the voxels that the graph was given, to be drawn. */
export interface OnnxScanResult extends OnnxResult {
  prepared: PreparedVoxels;
}

/**
 * An open graph.
 *
 *     await using model = await OnnxPredictor.open(ort, bytes);
 *     const [result] = await model.predict(input.files);
 *     console.log(result.probabilities);
 */
export class OnnxPredictor implements AsyncDisposable {
  readonly facts: GraphFacts;
  readonly #ort: OnnxRuntime;
  readonly #session: OnnxSession;

  private constructor(ort: OnnxRuntime, session: OnnxSession, facts: GraphFacts) {
    this.#ort = ort;
    this.#session = session;
    this.facts = facts;
  }

  /**
   * @param ort the module of a runtime, such as `import * as ort from "onnxruntime-web/wasm"`
   * @param model a whole graph that `slicestack export --to onnx` wrote
   * @throws OnnxModelError if it is another file, or the runtime cannot use it
   */
  static async open(ort: OnnxRuntime, model: ArrayBuffer | Uint8Array): Promise<OnnxPredictor> {
    const bytes = model instanceof Uint8Array ? model : new Uint8Array(model);
    const facts = graphFacts(onnxMetadata(bytes));
    try {
      return new OnnxPredictor(ort, await ort.InferenceSession.create(bytes), facts);
    } catch (cause) {
      throw new OnnxModelError(
        `The runtime cannot open the graph (${textOf(cause)})`,
        "Copy or download it again.",
        {
          cause,
        },
      );
    }
  }

  /** Class names, in the order of the model's outputs. */
  get classes(): readonly string[] {
    return this.facts.classes;
  }

  /** Whether an evaluation of the model had fitted a calibration. */
  get isCalibrated(): boolean {
    return this.#session.outputNames.includes("calibrated");
  }

  /**
   * Predicts every scan in these files: those of an `<input type="file">`, of a chosen folder, or zip archives.
   * @returns the results without voxels
   * @throws OnnxModelError if a scan cannot be predicted and there is no `onFailure`   @throws the signal's reason
   */
  async predict(
    files: Iterable<ChosenFile | ByteSource>,
    options: PredictChosenOptions = {},
  ): Promise<OnnxResult[]> {
    const results: OnnxResult[] = [];
    for await (const { prepared: _, ...result } of this.predictEach(files, options)) results.push(result);
    return results;
  }

  /**
   * Predicts one scan after another. Each result comes with its voxels, which are kept no longer than the caller does.
   *
   *     for await (const { id, probabilities } of model.predictEach(input.files)) show(id, probabilities);
   *
   * @throws as `predict`, after the last result
   */
  async *predictEach(
    files: Iterable<ChosenFile | ByteSource>,
    options: PredictChosenOptions = {},
  ): AsyncGenerator<OnnxScanResult, void, undefined> {
    const { onFailure, onSetAside, ...others } = options;
    const { scans, setAside } = await findScans(files, options);
    const failed: { source: string; reason: string }[] = [];
    const fail = onFailure ?? ((one) => void failed.push(one));
    if (scans.length === 0) fail(nothingIn(setAside));
    else if (onSetAside !== undefined) setAside.forEach(onSetAside);
    for (const scan of scans) {
      let result: OnnxScanResult;
      try {
        result = await this.predictScan(scan, others);
      } catch (error) {
        if (!isOfScan(error)) throw error;
        fail({ source: scan.source, reason: error.message });
        continue;
      }
      yield result;
    }
    const [first] = failed;
    if (first === undefined) return;
    throw new OnnxModelError(
      `${first.source} cannot be predicted: ${first.reason}`,
      "Leave it out, or pass onFailure to continue without it.",
    );
  }

  /**
   * Reads and prepares one scan as the training data were prepared, and predicts it.
   * @throws UnusableVolumeError, VolumeFormatError, VolumeFileError, DicomSeriesError, RegionError
   */
  async predictScan(scan: ChosenScan, options: PredictScanOptions = {}): Promise<OnnxScanResult> {
    const { input } = this.facts;
    const { mask, onStage, signal, codecUrl } = options;
    const recipe = recipeOf(input);
    if (input.recipe["crop"] === "mask" && mask === undefined)
      throw new UnusableVolumeError(
        "the model was trained on volumes that were cropped to a mask; pass a mask",
      );
    const start = performance.now();
    onStage?.("read", scan);
    const { unit, allowGaps } = recipe;
    const known = { unit, allowGaps, ...(codecUrl === undefined ? {} : { codecUrl }) };
    const read = await scan.read(signal === undefined ? known : { ...known, signal });
    refuse(otherKindOf(input, read.isScan));
    signal?.throwIfAborted();
    onStage?.("prepare", scan);
    const prepared = prepareVoxels(read.volume, recipe, { isScan: read.isScan, mask: mask ?? null });
    refuse(misfitOf(input, prepared) ?? this.#wrongDepth(prepared.shape[0]));
    signal?.throwIfAborted();
    onStage?.("predict", scan);
    const between = performance.now();
    const outputs = await this.#run(prepared);
    const facts = { ...scan.facts, ...read.facts, ...prepared.facts };
    return {
      id: scan.id,
      source: scan.source,
      model: { name: this.facts.name, method: this.facts.method, sha256: this.facts.sha256 },
      ...outputs,
      warnings: this.#warnings(prepared, facts),
      scan: {
        shape: [...prepared.original.shape],
        spacing: [...prepared.original.spacing],
        facts: shareableFacts(facts),
      },
      seconds: { prepare: (between - start) / 1000, predict: (performance.now() - between) / 1000 },
      prepared,
    };
  }

  /** Frees the memory of the graph. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }

  #warnings({ slices_SHW, original }: PreparedVoxels, facts: Record<string, string>): ScanWarning[] {
    const { familiar } = this.facts;
    const doubts = preparationDoubts(facts).map((message) => ({ code: "prepared", message }));
    return [
      ...doubts,
      ...(familiar === null ? [] : familiarityWarnings({ slices_SHW, original, facts }, familiar)),
    ];
  }

  async #run({ slices_SHW, dtype, shape }: PreparedVoxels) {
    const { classes, seen } = this.facts;
    const voxels = new this.#ort.Tensor(dtype, slices_SHW, [1, ...shape]);
    const outputs = await this.#session.run({ voxels: voxels as never }).catch((cause: unknown) => {
      const problem = `the runtime failed on its ${shape.join(" x ")} voxels (${textOf(cause)})`;
      throw new UnusableVolumeError(problem, { cause });
    });
    const row = (name: string) => (outputs[name] === undefined ? null : numbers(outputs[name].data));
    const uncalibrated = row("probabilities");
    if (uncalibrated?.length !== classes.length)
      throw new OnnxModelError(
        "The graph gives other probabilities than its metadata say",
        "Export it again.",
      );
    if (!uncalibrated.every(Number.isFinite))
      refuse(
        "the model gives no finite probabilities for it: its values may be far beyond those of training",
      );
    const calibrated = row("calibrated");
    const weights = {
      weights: row("slice_weights"),
      probabilities: row("slice_probabilities"),
      uncalibrated,
    };
    return {
      probabilities: named(classes, calibrated ?? uncalibrated),
      uncalibrated: named(classes, uncalibrated),
      calibrated: calibrated !== null,
      slices: seen === null ? [] : sliceWeights(weights, shape[0], seen),
    };
  }

  #wrongDepth(slices: number): string | null {
    const [least, most = least] = this.facts.slices.split("..").map(Number);
    if (this.facts.slices === "any" || (slices >= least! && slices <= most!)) return null;
    return `it has ${slices} slices, and the model takes ${this.facts.slices.replace("..", " to ")}`;
  }
}

function refuse(reason: string | null): void {
  if (reason !== null) throw new UnusableVolumeError(reason);
}

const OF_SCANS = [UnusableVolumeError, VolumeFormatError, VolumeFileError, DicomSeriesError, RegionError];
const isOfScan = (error: unknown): error is Error => OF_SCANS.some((kind) => error instanceof kind);

function nothingIn(setAside: ChosenScans["setAside"]): { source: string; reason: string } {
  const [first] = setAside;
  if (first === undefined) return { source: "the choice", reason: "it holds no file" };
  const others = setAside.length === 1 ? "" : ` (and ${setAside.length - 1} more files that are not scans)`;
  return { source: first.name, reason: `${first.reason}${others}` };
}

const numbers = (data: unknown): number[] => Array.from(data as Float32Array, Number);

const named = (classes: readonly string[], values: readonly number[]): Record<string, number> =>
  Object.fromEntries(classes.map((name, c) => [name, values[c]!]));

const textOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
