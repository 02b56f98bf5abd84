/** Finds identical and nearly identical volumes: a scan under two names puts training data into the test part. */
import type { VolumeRecord } from "../data/volume-record.js";
import { correlation, distance } from "./fingerprint.js";
import type { VolumeFacts } from "./volume-facts.js";

export interface DuplicatePair {
  /** Ids. */
  a: string;
  b: string;
  /** identical: every voxel; near: by their fingerprints. */
  kind: "identical" | "near";
  /** Of the fingerprints, 0..1. */
  distance: number;
  /** Of the coarse means. */
  correlation: number;
  sameSubject: boolean;
  sameLabel: boolean;
}

export interface DuplicateOptions {
  /** Distance up to which two volumes are nearly identical; default 0.15 (docs/explanation/audit.md). */
  threshold?: number;
  /** Pairs beyond this number are counted, but not listed. */
  most?: number;
}

/** Smallest correlation of the coarse means: volumes that share only the outline do not count. */
const LEAST_CORRELATION = 0.98;

/**
 * Pairs of volumes that are the same scan, closest first. Fingerprints are cut into bands of 32 bits; only volumes that
 * share a band are compared, so the work grows with the number of close pairs and not of all pairs.
 */
export function findDuplicates(
  volumes: readonly Pick<VolumeRecord, "id" | "subject" | "label" | "voxelSha256">[],
  facts: readonly Pick<VolumeFacts, "fingerprint" | "thumbnail">[],
  { threshold = 0.15, most = 1000 }: DuplicateOptions = {},
): { pairs: DuplicatePair[]; total: number } {
  const pairs: DuplicatePair[] = [];
  let total = 0;
  for (const [i, j] of candidates(volumes, facts)) {
    const [a, b] = [volumes[i]!, volumes[j]!];
    const identical = a.voxelSha256 === b.voxelSha256;
    const pairDistance = identical ? 0 : distance(facts[i]!.fingerprint, facts[j]!.fingerprint);
    if (pairDistance > threshold) continue;
    const pairCorrelation = identical ? 1 : correlation(facts[i]!.thumbnail, facts[j]!.thumbnail);
    if (pairCorrelation < LEAST_CORRELATION) continue;
    total++;
    pairs.push({
      a: a.id,
      b: b.id,
      kind: identical ? "identical" : "near",
      distance: pairDistance,
      correlation: pairCorrelation,
      sameSubject: a.subject === b.subject,
      sameLabel: a.label === b.label,
    });
  }
  pairs.sort((x, y) => x.distance - y.distance || y.correlation - x.correlation || (x.a < y.a ? -1 : 1));
  return { pairs: pairs.slice(0, most), total };
}

/** Pairs i < j with the same hash or with a shared band that is not empty, each once. */
function* candidates(
  volumes: readonly Pick<VolumeRecord, "voxelSha256">[],
  facts: readonly Pick<VolumeFacts, "fingerprint">[],
): Generator<[number, number]> {
  const seen = new Set<number>();
  const words = facts[0]?.fingerprint.length ?? 0;
  const keys: ((k: number) => number | string | null)[] = [(k) => volumes[k]!.voxelSha256];
  // Air and saturated tissue give bands of zeros, which all volumes share.
  for (let word = 0; word < words; word++) keys.push((k) => facts[k]!.fingerprint[word] || null);
  for (const keyOf of keys) {
    for (const bucket of buckets(facts.length, keyOf))
      for (let x = 0; x < bucket.length; x++)
        for (let y = x + 1; y < bucket.length; y++) {
          const pair = bucket[x]! * facts.length + bucket[y]!;
          if (seen.has(pair)) continue;
          seen.add(pair);
          yield [bucket[x]!, bucket[y]!];
        }
  }
}

/** Indices with the same key, ascending; null keys are left out. */
function buckets(count: number, keyOf: (k: number) => number | string | null): number[][] {
  const byKey = new Map<number | string, number[]>();
  for (let k = 0; k < count; k++) {
    const key = keyOf(k);
    if (key === null) continue;
    const bucket = byKey.get(key);
    if (bucket === undefined) byKey.set(key, [k]);
    else bucket.push(k);
  }
  return [...byKey.values()].filter((bucket) => bucket.length > 1);
}
