/** Which scans a model is familiar with: the geometry, values and embeddings of its training set, with limits from validation. */
import { alarmLimit, familiarityDistance, fitFamiliarity } from "@slicestack/stats";
import { HISTOGRAM_BINS, histogramDistance, scanGeometry, valueHistogram } from "@slicestack/volume";
import { spreadOver } from "../data/sampler.js";
import { readStored, type Dataset } from "../data/store.js";
import type { TaskVolume } from "../data/task.js";
import type { VolumeRecord } from "../data/volume-record.js";
import type { Familiarity } from "../models/decision.js";

/** Expected share of familiar scans that a warning with a limit is raised for. */
export const FALSE_ALARM_RATE = 0.05;
/** Training volumes that are looked at: enough for means and variances, and little beside the evaluation itself. */
export const MOST_COMPARED = 200;
/** Columns of subjects.csv that say what was scanned and how. Names of sites and stations would point at a hospital. */
export const COMPARED_FACTS = ["modality", "body_part", "kernel", "manufacturer"] as const;
const LEAST_SUBJECTS = 3;
/** With more values than this a column names things one by one. */
const MOST_NAMES = 50;

/** Embeddings of volumes, E numbers each; null for a model that has none. */
export interface Embedded {
  train: readonly Float32Array[];
  val: readonly Float32Array[];
  test: readonly Float32Array[];
}

type Parts = Record<"train" | "val", readonly TaskVolume[]>;

/** The training volumes that are compared, at even distances. */
export const comparedVolumes = (train: readonly TaskVolume[]): TaskVolume[] => [
  ...spreadOver(train, MOST_COMPARED),
];

/** @returns null where there is no training set */
export function fitFamiliar(dataset: Dataset, parts: Parts, embedded: Embedded | null): Familiarity | null {
  const train = comparedVolumes(parts.train);
  if (train.length === 0) return null;
  return {
    falseAlarmRate: FALSE_ALARM_RATE,
    geometry: geometryRanges(parts.train),
    values: valuesOf(dataset, train, comparedVolumes(parts.val)),
    facts: factsOf(parts.train),
    embedding: embedded === null ? null : embeddingOf(embedded),
  };
}

function geometryRanges(volumes: readonly VolumeRecord[]): Familiarity["geometry"] {
  const all = volumes.map(({ original }) => scanGeometry(original));
  const range = (pick: (one: (typeof all)[number]) => number): [number, number] => {
    let [low, high] = [Infinity, -Infinity];
    for (const one of all) [low, high] = [Math.min(low, pick(one)), Math.max(high, pick(one))];
    return [low, high];
  };
  const triple = (name: "spacing" | "extent") =>
    [range((one) => one[name][0]), range((one) => one[name][1]), range((one) => one[name][2])] as [
      [number, number],
      [number, number],
      [number, number],
    ];
  return {
    spacing: triple("spacing"),
    extent: triple("extent"),
    slices: range(({ slices }) => slices),
    tilt: range(({ tilt }) => tilt),
  };
}

function valuesOf(
  dataset: Dataset,
  train: readonly TaskVolume[],
  val: readonly TaskVolume[],
): Familiarity["values"] {
  const { range } = dataset.info;
  const histogramOf = ({ first, count }: TaskVolume) =>
    valueHistogram(readStored(dataset, first, count), range);
  const shares = new Array<number>(HISTOGRAM_BINS).fill(0);
  for (const volume of train) histogramOf(volume).forEach((share, k) => (shares[k]! += share / train.length));
  const limit = alarmLimit(
    val.map((volume) => histogramDistance(histogramOf(volume), shares)),
    FALSE_ALARM_RATE,
  );
  return { range: [...range], shares, limit };
}

function factsOf(volumes: readonly VolumeRecord[]): Familiarity["facts"] {
  const columns = COMPARED_FACTS.map((name): [string, string[]] => {
    const subjects = new Map<string, Set<string>>();
    for (const { extra, subject } of volumes) {
      const value = (extra[name] ?? "").trim();
      if (value !== "") subjects.set(value, (subjects.get(value) ?? new Set()).add(subject));
    }
    // A text that a few subjects alone have might say more of them than of the scanner.
    const common = [...subjects].filter(([, having]) => having.size >= LEAST_SUBJECTS);
    return [name, common.map(([value]) => value).sort()];
  });
  return Object.fromEntries(columns.filter(([, values]) => values.length > 0 && values.length <= MOST_NAMES));
}

/** Fewer training volumes say nothing of variances. */
const LEAST_EMBEDDED = 20;

function embeddingOf({ train, val, test }: Embedded): Familiarity["embedding"] {
  if (train.length < LEAST_EMBEDDED) return null;
  const fitted = fitFamiliarity(train);
  // Seven digits hold all that float32 has.
  const short = (value: number) => Number(value.toPrecision(7));
  const model = {
    mean_E: fitted.mean_E.map(short),
    components_KE: fitted.components_KE.map((component) => component.map(short)),
    variance_K: fitted.variance_K.map(short),
    residualVariance: short(fitted.residualVariance),
  };
  const distances = (embeddings: readonly Float32Array[]) =>
    embeddings.map((embedding) => familiarityDistance(model, embedding));
  const limit = alarmLimit(distances(val), FALSE_ALARM_RATE);
  const beyond = distances(test).filter((distance) => limit !== null && distance > limit).length;
  return {
    model,
    limit,
    testAlarms: test.length === 0 || limit === null ? null : { beyond, of: test.length },
  };
}
