/**
 * Predicts scans: prepares them in worker threads, runs the model on one after another, and releases each one when
 * done.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import {
  misfitOf,
  otherKindOf,
  shareableFacts,
  VolumeFileError,
  VolumeFormatError,
} from "@slicestack/volume";
import type { ClassMap } from "../dicom-out/heat-map.js";
import { isCt, type VolumeInput } from "../data/ingest/source.js";
import { runPool } from "../data/pool.js";
import { withoutPrefix } from "../data/reason.js";
import type { Recipe } from "../data/prepare/recipe.js";
import { PredictError } from "./errors.js";
import { unpackArchives } from "../data/prepare/unpack.js";
import type { PreparedScan, Timed, VolumeJob } from "../data/prepare/volume.js";
import type { VolumeRecord } from "../data/volume-record.js";
import type { Progress } from "../engine/progress.js";
import { shortageError } from "../engine/system-errors.js";
import type { MapKind, StoredMaps } from "../explain/subject.js";
import { togetherHash } from "../models/model-hash.js";
import { ModelError } from "../models/common/model-error.js";
import type { ModelSpec } from "../models/spec.js";
import { softwareVersions } from "../run/software-versions.js";
import type { FailedScan, FoundScan } from "./find-scans.js";
import { recipeOfModel } from "./recipe.js";
import { decide, RESULT_FORMAT, type OperatingPoint, type ScanResult } from "./scan-result.js";
import type { ScanBatches } from "./scan-batches.js";
import type { HeatMapOutcome, OpenedModel, ScanOutcome, ScanVoxels } from "./scan-job.js";
import type { TrainedModel } from "../trained/trained-model.js";
import { warningsOf } from "./warnings.js";

export interface PredictScansOptions {
  maps?: readonly MapKind[];
  /** For two classes: the rule that turns a probability into a decision. Default youden. */
  operatingPoint?: OperatingPoint;
  mask?: string | null;
  /** Computes a heat-map of each DICOM scan, besides `maps`. */
  heatMaps?: boolean;
  /** Threads that read and prepare scans. Default: the cores that this process may use. */
  jobs?: number;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/** A result, with everything needed to write its maps. */
export interface PredictedScan {
  result: ScanResult;
  maps: StoredMaps;
  /** Where its voxels are from. */
  input: VolumeInput;
  /** Grad-CAM of the most probable class, or why the model has none; null if it was not requested. */
  heatMap: ClassMap | { reason: string } | null;
  /** The position of the stored voxels in space. */
  place: Pick<VolumeRecord, "geometry" | "original" | "crop" | "count" | "unit"> & { size: [number, number] };
}

/** A model that is open in a session, and what runs its jobs there; decisions are those of its very weights. */
export interface OpenScanModel {
  model: TrainedModel;
  opened: OpenedModel;
  batches: ScanBatches;
}

/** A model whose weights may still be loading: scans are prepared meanwhile. */
export interface LoadingModel {
  spec: ModelSpec;
  /** Awaited before the first scan is predicted or reported. */
  opening: Promise<OpenScanModel>;
}

/**
 * Results arrive in the order of the scans. For each scan, either `onScan` or `onFailure` is called and awaited. At
 * most two scans per thread are held in memory.
 * @throws resource errors (memory, disk, open files)   @throws the signal's reason
 */
export async function predictScans(
  { spec, opening }: LoadingModel,
  scans: readonly FoundScan[],
  listeners: {
    scan: (one: PredictedScan) => Promise<void> | void;
    failure: (one: FailedScan) => Promise<void> | void;
  },
  options: PredictScansOptions = {},
): Promise<void> {
  const failure = async (one: FailedScan) => {
    await opening; // a model that cannot be opened is reported before any scan
    await listeners.failure(one);
  };
  const on = { ...listeners, failure };
  if (options.operatingPoint !== undefined) checkOperatingPoint(await opening, options.operatingPoint);
  const recipe = recipeOfModel(spec, options.mask ?? null);
  const usable: FoundScan[] = [];
  for (const scan of scans) {
    const reason = otherKindOf(spec.prepared, isCt(scan.input));
    if (reason === null) usable.push(scan);
    else await on.failure({ source: scan.source, reason });
  }
  if (usable.length > 0) await predictUsable({ spec, opening }, usable, recipe, on, options);
}

type Listeners = Parameters<typeof predictScans>[2];

async function predictUsable(
  { spec, opening }: LoadingModel,
  found: readonly FoundScan[],
  recipe: Recipe,
  on: Listeners,
  options: PredictScansOptions,
): Promise<void> {
  const { jobs = availableParallelism(), onProgress, signal } = options;
  const folder = mkdtempSync(join(tmpdir(), "slicestack-predict-"));
  try {
    const { scans, inputs } = await unpacked(found, folder, on, { onProgress, signal });
    await runPool<VolumeJob, Timed<PreparedScan>>({
      script: new URL("../data/prepare/scan-worker.js", import.meta.url),
      jobs: scans.map(({ mask }, k) => ({ input: inputs[k]!, recipe, mask })),
      workers: jobs,
      signal,
      deliver: async (answer, k) => {
        const scan = scans[k]!;
        const open = await opening;
        if (!answer.ok && answer.shortage !== undefined) throw shortageError(answer.shortage);
        const reason = answer.ok ? misfitOf(spec.prepared, answer.result) : answer.reason;
        if (reason !== null)
          await on.failure({ source: scan.source, reason: withoutPrefix(reason, scan.source) });
        else await decideOn(open, scan, (answer as { result: Timed<PreparedScan> }).result, on, options);
        onProgress?.({
          stage: "predict",
          done: k + 1,
          total: scans.length,
          unit: "scans",
          message: scan.source,
        });
      },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A threshold that was asked for and is missing is no reason to decide in another way. @throws PredictError */
function checkOperatingPoint({ model }: OpenScanModel, point: OperatingPoint | undefined): void {
  if (point === undefined || point === "none") return;
  const { members } = model;
  const { decision, spec } = members[0]!;
  const hasPoint = decision?.thresholds.some(({ rule }) => rule.kind === point) === true;
  if (members.length === 1 && hasPoint) return;
  const why =
    spec.classes.names.length !== 2
      ? `the model has ${spec.classes.names.length} classes, and thresholds are for two`
      : members.length > 1
        ? "the members of a group have no threshold in common"
        : "no evaluation has fitted one for these weights";
  throw new PredictError(
    `--operating-point ${point}: ${why}`,
    "Leave it out: the largest probability decides then.",
  );
}

/** Items of compressed archives, in files that a worker can read. A damaged archive stops its own scans alone. */
async function unpacked(
  found: readonly FoundScan[],
  folder: string,
  on: Listeners,
  options: Parameters<typeof unpackArchives>[2],
): Promise<{ scans: FoundScan[]; inputs: VolumeInput[] }> {
  const archives = [
    ...new Set(found.flatMap(({ input }) => (input.kind === "npz-item" ? [input.path] : []))),
  ];
  const unpackedOf = new Map<FoundScan, VolumeInput>();
  for (const [k, path] of archives.entries()) {
    const scans = found.filter(({ input }) => input.kind === "npz-item" && input.path === path);
    try {
      const inputs = await unpackArchives(
        scans.map(({ input }) => input),
        join(folder, String(k)),
        options,
      );
      scans.forEach((scan, n) => unpackedOf.set(scan, inputs[n]!));
    } catch (error) {
      if (!(error instanceof VolumeFormatError || error instanceof VolumeFileError)) throw error;
      for (const { source } of scans)
        await on.failure({ source, reason: withoutPrefix(error.message, path) });
    }
  }
  const scans = found.filter((scan) => scan.input.kind !== "npz-item" || unpackedOf.has(scan));
  return { scans, inputs: scans.map((scan) => unpackedOf.get(scan) ?? scan.input) };
}

async function decideOn(
  open: OpenScanModel,
  scan: FoundScan,
  prepared: Timed<PreparedScan>,
  on: Parameters<typeof predictScans>[2],
  { maps = [], heatMaps = false, operatingPoint, signal }: PredictScansOptions,
): Promise<void> {
  let outcome: ScanOutcome;
  try {
    const heatMap = heatMaps && scan.input.kind === "dicom";
    outcome = await open.batches.predict({ scan: voxelsOf(scan, prepared), maps, heatMap }, signal);
  } catch (error) {
    // A head that needs a certain number of slices throws an error; other scans may have that number.
    if (!(error instanceof ModelError)) throw error;
    return await on.failure({ source: scan.source, reason: error.message });
  }
  if (outcome.members.some(({ probabilities }) => !probabilities.every(Number.isFinite))) {
    const reason =
      "the model gives no finite probabilities for it: its values may be far beyond those of training";
    return await on.failure({ source: scan.source, reason });
  }
  const [, height, width] = prepared.shape;
  const { geometry, original, crop, unit } = prepared;
  await on.scan({
    result: resultOf(open, scan, prepared, outcome, operatingPoint ?? null),
    maps: outcome.maps,
    input: scan.input,
    heatMap: classMapOf(open.model.members[0]!.spec, outcome.heatMap),
    place: { geometry, original, crop, unit, count: prepared.shape[0], size: [height, width] },
  });
}

function classMapOf({ classes, input }: ModelSpec, found: HeatMapOutcome | null): PredictedScan["heatMap"] {
  if (found === null || "reason" in found) return found;
  return { map_SHW: found.map_SHW, class: classes.names[found.target]!, window: input.windows[0]! };
}

function voxelsOf(
  { id }: FoundScan,
  { slices_SHW, dtype, shape, geometry, original, crop, unit }: Timed<PreparedScan>,
): ScanVoxels {
  return { id, slices_SHW, dtype, shape, geometry, original, crop, unit };
}

function resultOf(
  { model, opened }: OpenScanModel,
  scan: FoundScan,
  prepared: Timed<PreparedScan>,
  outcome: ScanOutcome,
  point: OperatingPoint | null,
): ScanResult {
  const { members } = model;
  const { spec } = members[0]!;
  const [first] = outcome.members;
  const decisions = members.map(({ decision }) => decision);
  const facts = { ...scan.facts, ...prepared.facts };
  const compared = { prepared, facts: scan.facts, embedding: first!.embedding };
  const mean = outcome.members.every((one) => one.weights !== null) ? meanWeights(outcome) : null;
  return {
    format: RESULT_FORMAT,
    version: 1,
    id: scan.id,
    source: scan.source,
    sha256: prepared.sha256,
    model: {
      name: model.name,
      method: spec.method,
      sha256: togetherHash(opened.hashes),
      members: members.length,
    },
    ...decide(spec.classes.names, outcome.members, decisions, point),
    slices: first!.places.map((slice, k) => ({ slice, weight: mean?.[k] ?? null })),
    warnings: warningsOf(compared, decisions[0] ?? null),
    scan: {
      shape: [...prepared.original.shape],
      spacing: [...prepared.original.spacing],
      facts: shareableFacts(facts),
    },
    maps: [],
    seconds: { prepare: rounded(prepared.seconds), predict: rounded(outcome.seconds) },
    versions: softwareVersions(),
  };
}

const rounded = (seconds: number): number => Number(seconds.toFixed(4));

function meanWeights({ members }: ScanOutcome): number[] {
  const [first] = members;
  return first!.weights!.map(
    (_, k) => members.reduce((sum, one) => sum + one.weights![k]!, 0) / members.length,
  );
}
