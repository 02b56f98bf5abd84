/** Volumes that are the same, or nearly: one scan under two names puts training data into the test part. */
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
  /** Distance up to which two volumes count as nearly the same; default 0.15 (docs/explanation/audit.md). */
  threshold?: number;
  /** Pairs beyond these are counted, not listed. */
  most?: number;
}

/** Of the coarse means: what has the same outline alone does not count. */
const LEAST_CORRELATION = 0.98;

/**
 * Pairs of volumes that are the same scan, nearest first. Fingerprints are cut into bands of 32 bits; only those that share a band
 * are compared, so that the work grows with the near ones and not with all pairs.
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
    const apart = identical ? 0 : distance(facts[i]!.fingerprint, facts[j]!.fingerprint);
    if (apart > threshold) continue;
    const alike = identical ? 1 : correlation(facts[i]!.thumbnail, facts[j]!.thumbnail);
    if (alike < LEAST_CORRELATION) continue;
    total++;
    pairs.push({
      a: a.id,
      b: b.id,
      kind: identical ? "identical" : "near",
      distance: apart,
      correlation: alike,
      sameSubject: a.subject === b.subject,
      sameLabel: a.label === b.label,
    });
  }
  pairs.sort((x, y) => x.distance - y.distance || y.correlation - x.correlation || (x.a < y.a ? -1 : 1));
  return { pairs: pairs.slice(0, most), total };
}

/** Pairs i < j of one hash, or that share at least one whole band that says something, each once. */
function* candidates(
  volumes: readonly Pick<VolumeRecord, "voxelSha256">[],
  facts: readonly Pick<VolumeFacts, "fingerprint">[],
): Generator<[number, number]> {
  const seen = new Set<number>();
  const words = facts[0]?.fingerprint.length ?? 0;
  const keys: ((k: number) => number | string | null)[] = [(k) => volumes[k]!.voxelSha256];
  // Air and saturated tissue give bands of zeros, which everybody has.
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
  const found = new Map<number | string, number[]>();
  for (let k = 0; k < count; k++) {
    const key = keyOf(k);
    if (key === null) continue;
    const bucket = found.get(key);
    if (bucket === undefined) found.set(key, [k]);
    else bucket.push(k);
  }
  return [...found.values()].filter((bucket) => bucket.length > 1);
}
