/**
 * The jobs of `predict`: a model is opened once in the session's thread, predicts one scan after another, and is
 * closed. Open models are kept in this module, of which each thread has its own instance.
 */
import { libtorchInfo } from "@slicestack/torch";
import { init } from "@slicestack/torch/nn";
import { sliceEvidence, countVoteAt, voteBy } from "@slicestack/stats/internal/applied";
import type { JobContext } from "../engine/job.js";
import type { StoreArray, StoreDtype } from "../data/store.js";
import type { TaskVolume } from "../data/task.js";
import { meanMaps } from "../explain/ensemble.js";
import { ExplainError } from "../explain/errors.js";
import { explainVolume, type MapKind, type StoredMaps } from "../explain/subject.js";
import { functionOfModel } from "../explain/function-of-model.js";
import { memorySource } from "../input/source.js";
import { decisionFor } from "../models/decision.js";
import { modelHash } from "../models/model-hash.js";
import { keepingHashes, openModel, type OpenModel } from "../predict/open-model.js";
import type { Predicted } from "../predict/prediction.js";
import { predictorOf } from "../predict/predictor.js";
import { planCompute, startCompute, type ComputePlan } from "../run/compute.js";
import { PredictError } from "./errors.js";
import { meanOf } from "../predict/mean-of.js";
import { loaderOf } from "../trained/member-weights.js";
import type { TrainedMember, TrainedModel } from "../trained/trained-model.js";

export type ScanJob =
  | { step: "open"; key: string; model: TrainedModel; compute: ComputeWishes }
  | { step: "scans"; key: string; scans: readonly ScanRequest[] }
  | { step: "close"; key: string };

/** How to compute; options that are absent are as in the training of the run. */
export interface ComputeWishes {
  device?: string;
  threads?: number;
  precision?: "auto" | "float32" | "bfloat16";
}

/** A scan, and what is computed besides its probabilities. */
export interface ScanRequest {
  scan: ScanVoxels;
  maps: readonly MapKind[];
  heatMap: boolean;
}

/** A prepared scan, S x H x W, with its position in space. */
export interface ScanVoxels extends Pick<TaskVolume, "id" | "geometry" | "original" | "crop" | "unit"> {
  slices_SHW: StoreArray;
  dtype: StoreDtype;
  /** S, H, W. */
  shape: readonly [number, number, number];
}

export interface OpenedModel {
  /** The modelHash of each member. */
  hashes: string[];
  device: string;
  bfloat16: boolean;
  threads: number;
}

/** The prediction of one member for a scan. */
export interface MemberOutcome {
  /** Uncalibrated probability of each class. */
  probabilities: number[];
  /** The weight of each slice; null if the model has no such weights. */
  weights: number[] | null;
  /** The index of each as an axial slice of the prepared scan; null for slices of other planes. Empty in 3D. */
  places: (number | null)[];
  /** Mean embedding; null in 3D. */
  embedding: Float32Array | null;
}

export interface ScanOutcome {
  members: MemberOutcome[];
  /** Maps for the class with the largest probability, S x H x W, averaged over the members. */
  maps: StoredMaps;
  /** Grad-CAM where it was asked for as a heat-map, or why the model has none. */
  heatMap: HeatMapOutcome | null;
  /** Computes probabilities from stored voxels; of scans that were computed together, its share by slices. */
  seconds: number;
}

/** Of the class with the largest probability, S x H x W. */
export type HeatMapOutcome = { map_SHW: Float32Array; target: number } | { reason: string };

interface Opened {
  models: { member: TrainedMember; open: OpenModel }[];
  compute: ComputePlan;
}

const opened = new Map<string, Opened>();

/** Loads libtorch. */
export function preload(): void {
  libtorchInfo();
}

export function job(input: ScanJob, _context: JobContext): OpenedModel | ScanOutcome[] | null {
  if (input.step === "open") return open(input.key, input.model, input.compute);
  if (input.step === "close") return close(input.key);
  const model = opened.get(input.key);
  if (model === undefined)
    throw new PredictError(
      "The model is no longer open: the thread that held it has ended",
      "Open it again.",
    );
  return scanned(model, input.scans);
}

function open(key: string, { members }: TrainedModel, wishes: ComputeWishes): OpenedModel {
  const { device = "auto", threads = "auto", precision = members[0]!.precision } = wishes;
  const compute = planCompute({ device, threads, precision });
  startCompute(compute, 0);
  const models: Opened["models"] = [];
  const hashes: string[] = [];
  try {
    for (const member of members) {
      const kept = keepingHashes(loaderOf(member));
      const model = init.skipInit(() => openModel(member.spec, kept.load, compute.device));
      const hash = modelHash(member.spec, kept.hashes);
      hashes.push(hash);
      const decision = decisionFor(member.decision, hash);
      models.push({ member: { ...member, decision }, open: model });
      checkVote({ ...member, decision });
    }
  } catch (error) {
    for (const one of models) one.open[Symbol.dispose]();
    throw error;
  }
  opened.set(key, { models, compute });
  return { hashes, ...compute };
}

function checkVote({ spec, decision, source }: TrainedMember): void {
  if (spec.method !== "2d" || spec.vote.rule !== "count" || (decision?.countVote ?? null) !== null) return;
  throw new PredictError(
    `${source} decides by a count of slices, and no evaluation has chosen the threshold of these weights`,
    `Run slicestack evaluate on the run first (a bundle: export it again after that).`,
  );
}

function close(key: string): null {
  for (const { open: model } of opened.get(key)?.models ?? []) model[Symbol.dispose]();
  opened.delete(key);
  return null;
}

/** The slices of all scans share batches; maps are computed scan by scan. */
function scanned(opened: Opened, requests: readonly ScanRequest[]): ScanOutcome[] {
  const start = performance.now();
  const scans = requests.map(({ scan }) => scan);
  const volumes = volumesOf(scans);
  const members = opened.models.map(({ member, open: model }) => {
    using predictor = predictorOf(model, sourceOf(scans), opened.compute);
    const predicted = predictor.predict(volumes);
    return scans.map((_, k) => outcomeOf(member, predicted, k));
  });
  const seconds = (performance.now() - start) / 1000;
  const slices = volumes.reduce((sum, { count }) => sum + count, 0);
  return requests.map((request, k) => {
    const ofScan = members.map((outcomes) => outcomes[k]!);
    const share = (seconds * volumes[k]!.count) / slices;
    return { members: ofScan, seconds: share, ...mapsFor(opened, request, ofScan) };
  });
}

function mapsFor(
  { models, compute }: Opened,
  { scan, maps: kinds, heatMap: isWanted }: ScanRequest,
  members: readonly MemberOutcome[],
): Pick<ScanOutcome, "maps" | "heatMap"> {
  if (kinds.length === 0 && !isWanted) return { maps: {}, heatMap: null };
  const mean = meanOf(members.map(({ probabilities }) => probabilities));
  const target = mean.indexOf(Math.max(...mean));
  const computed = (wanted: readonly MapKind[]) =>
    meanMaps(
      wanted,
      models.map(({ open: model }) => mapsOf(model, scan, { kinds: wanted, target, device: compute.device })),
    );
  const maps = kinds.length === 0 ? {} : computed(kinds);
  return { maps, heatMap: isWanted ? heatMapOf(maps, () => computed(["gradcam"]), target) : null };
}

/** A model without a layer for Grad-CAM still predicts. */
function heatMapOf(known: StoredMaps, compute: () => StoredMaps, target: number): HeatMapOutcome {
  try {
    return { map_SHW: known.gradcam ?? compute().gradcam!, target };
  } catch (error) {
    if (!(error instanceof ExplainError)) throw error;
    return { reason: error.problem };
  }
}

/** @param scans of one size and type */
function sourceOf(scans: readonly ScanVoxels[]) {
  const [{ shape, dtype }] = scans as [ScanVoxels];
  const given = scans.map((scan) => ({
    voxels: scan.slices_SHW,
    count: scan.shape[0],
    spacing: scan.geometry.spacing,
  }));
  return memorySource({ height: shape[1], width: shape[2], dtype }, given);
}

/** Their places in the source. */
function volumesOf(scans: readonly ScanVoxels[]) {
  let first = 0;
  return scans.map(({ id, shape: [count] }) => {
    first += count;
    return { id, first: first - count, count };
  });
}

/** @param k which of the volumes */
function outcomeOf({ spec, decision }: TrainedMember, predicted: Predicted, k: number): MemberOutcome {
  const { places, weights } = predicted.evidence[k]!;
  const embedding = predicted.embeddings?.[k] ?? null;
  if (spec.method !== "2d") {
    const probabilities = predicted.models.at(-1)!.probabilities[k]!;
    return { probabilities, weights, places, embedding };
  }
  const classes = spec.classes.names.length;
  const { counts, probabilities: flat } = predicted.slices!;
  const before = counts.slice(0, k).reduce((sum, count) => sum + count, 0);
  const rows = Array.from({ length: counts[k]! }, (_, s) =>
    flat.subarray((before + s) * classes, (before + s + 1) * classes),
  );
  const probabilities =
    spec.vote.rule === "count"
      ? countVoteAt(decision!.countVote!, rows)
      : voteBy(spec.vote.rule, { val: { slices: [], labels: [] }, volumes: [rows], k: spec.vote.k })
          .probabilities[0]!;
  return { probabilities, weights: sliceEvidence(rows, probabilities), places, embedding };
}

const STEPS = 32; // Steps of integrated gradients, as in `explain`.

function mapsOf(
  model: OpenModel,
  scan: ScanVoxels,
  { kinds, target, device }: { kinds: readonly MapKind[]; target: number; device: string },
): StoredMaps {
  using explaining = functionOfModel(model, sourceOf([scan]), device);
  const { function: asFunction } = explaining;
  const volume = explainedVolume(scan, target);
  const layer = asFunction.layer(null);
  const options = { kinds, target, layer, baseline: "air", steps: STEPS, check: null, seed: 0 } as const;
  return explainVolume(asFunction, volume, { ...options, onPart: () => undefined }).maps;
}

/** The volume in the form of a data set, without the fields that only a data set has. */
function explainedVolume(scan: ScanVoxels, label: number): TaskVolume {
  const { id, unit, geometry, original, crop } = scan;
  const place = { ...volumesOf([scan])[0]!, unit, geometry, original, crop };
  const unknown = { part: null, source: "", sha256: "", voxelSha256: "", meanLungHu: null, extra: {} };
  return { ...place, ...unknown, subject: id, label };
}
