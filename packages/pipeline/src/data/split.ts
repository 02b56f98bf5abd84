import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "./atomic.js";
import { codeOf } from "./csv.js";
import { SplitError } from "./errors.js";
import { Random } from "./random.js";
import type { Dataset } from "./store.js";

const PARTS = ["train", "val", "test"] as const;
export type Part = (typeof PARTS)[number];

/** Which volumes a model may learn from, be chosen by, and be judged by. No subject is in two parts. */
export interface Split {
  version: 1;
  seed: number;
  by: "subject";
  datasetHash: string;
  /** Volume ids, sorted. */
  parts: Record<Part, string[]>;
  /** SHA-256 over the ids of each part, the seed and the data set's hash. */
  hash: string;
  warnings: string[];
}

export interface SplitOptions {
  seed: number;
  /** Shares of train, val, test; default 0.6, 0.2, 0.2. A share of 0 leaves its part empty. */
  fractions?: [number, number, number];
}

/** Draws from these many seeded tries the first that has every class in every part. */
const TRIES = 50;
/** A class with fewer subjects cannot be in train, val and test. */
const ENOUGH = 3;

/**
 * Splits by subject, stratified by the subject's highest label. A class that at least three subjects have is in every
 * part; smaller ones are named in `warnings`.
 * @throws SplitError fractions that are not shares of 1, fewer subjects than parts
 */
export function makeSplit(dataset: Dataset, options: SplitOptions): Split {
  const fractions = options.fractions ?? [0.6, 0.2, 0.2];
  checkFractions(fractions);
  const subjects = subjectsOf(dataset);
  const used = PARTS.filter((_, i) => (fractions[i] ?? 0) > 0);
  if (subjects.length < used.length) {
    throw new SplitError(
      `expected at least ${used.length} subjects, the data set has ${subjects.length}`,
      "Add subjects, or set a share to 0.",
    );
  }
  const random = new Random(options.seed);
  let assignment = assign(subjects, fractions, random.fork("split 0"));
  for (let n = 1; n < TRIES && missing(subjects, assignment, used).length > 0; n++) {
    const next = assign(subjects, fractions, random.fork(`split ${n}`));
    if (missing(subjects, next, used).length <= missing(subjects, assignment, used).length) assignment = next;
  }
  const parts: Record<Part, string[]> = { train: [], val: [], test: [] };
  for (const subject of subjects) parts[assignment.get(subject.name) ?? "train"].push(...subject.ids);
  for (const part of PARTS) parts[part].sort();
  const warnings = warningsOf(dataset, subjects, assignment, used);
  const datasetHash = dataset.info.hash;
  const hash = hashOf(options.seed, datasetHash, parts);
  return { version: 1, seed: options.seed, by: "subject", datasetHash, parts, hash, warnings };
}

interface Subject {
  name: string;
  ids: string[];
  labels: Set<number>;
  highest: number;
}

/** Sorted by name, so that the split does not depend on the order of the volumes. */
function subjectsOf(dataset: Dataset): Subject[] {
  const found = new Map<string, Subject>();
  for (const { id, subject, label } of dataset.volumes) {
    const entry = found.get(subject) ?? { name: subject, ids: [], labels: new Set<number>(), highest: label };
    entry.ids.push(id);
    entry.labels.add(label);
    entry.highest = Math.max(entry.highest, label);
    found.set(subject, entry);
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function checkFractions(fractions: readonly number[]): void {
  const sum = fractions.reduce((a, b) => a + b, 0);
  const valid = fractions.length === 3 && fractions.every((f) => f >= 0 && f <= 1) && Math.abs(sum - 1) < 1e-6;
  if (valid && (fractions[0] ?? 0) > 0) return;
  throw new SplitError(
    `fractions: expected three shares that sum to 1, the first above 0, came ${fractions.join(", ")}`,
    "0.6, 0.2, 0.2 is usual.",
  );
}

function assign(subjects: Subject[], fractions: readonly number[], random: Random): Map<string, Part> {
  const result = new Map<string, Part>();
  const classes = [...new Set(subjects.map((subject) => subject.highest))].sort((a, b) => a - b);
  // What rounding gave too much or too little in one class is made up for in the next.
  const owed = [0, 0, 0];
  for (const label of classes) {
    const stratum = random.fork(label).shuffle(subjects.filter((subject) => subject.highest === label));
    const counts = share(stratum.length, fractions, owed);
    let next = 0;
    counts.forEach((count, i) => {
      for (const subject of stratum.slice(next, next + count)) result.set(subject.name, PARTS[i] ?? "train");
      next += count;
    });
  }
  return result;
}

/** How many of n go to train, val, test: at least one each where n allows it, train first, then test, then val. */
function share(n: number, fractions: readonly number[], owed: number[]): number[] {
  const order = [0, 2, 1].filter((i) => (fractions[i] ?? 0) > 0);
  const counts = [0, 0, 0];
  for (const i of order.slice(0, n)) counts[i] = 1;
  const behind = (i: number) => (fractions[i] ?? 0) * n + (owed[i] ?? 0) - (counts[i] ?? 0);
  for (let left = n - Math.min(n, order.length); left > 0; left--) {
    const neediest = order.reduce((best, i) => (behind(i) > behind(best) ? i : best));
    counts[neediest] = (counts[neediest] ?? 0) + 1;
  }
  [0, 1, 2].forEach((i) => (owed[i] = behind(i)));
  return counts;
}

/** Classes with enough subjects that a part lacks, as "class part". */
function missing(subjects: Subject[], assignment: Map<string, Part>, used: readonly Part[]): [number, Part][] {
  const classes = new Set(subjects.flatMap((subject) => [...subject.labels]));
  return [...classes].flatMap((label) => {
    const holders = subjects.filter((subject) => subject.labels.has(label));
    if (holders.length < ENOUGH) return [];
    const parts = new Set(holders.map((subject) => assignment.get(subject.name)));
    return used.filter((part) => !parts.has(part)).map((part) => [label, part] as [number, Part]);
  });
}

function warningsOf(
  dataset: Dataset,
  subjects: Subject[],
  assignment: Map<string, Part>,
  used: readonly Part[],
): string[] {
  const warnings: string[] = [];
  dataset.info.classes.forEach((name, label) => {
    const count = subjects.filter((subject) => subject.labels.has(label)).length;
    if (count >= ENOUGH) return;
    warnings.push(
      `class ${label} (${name}) has ${count} ${count === 1 ? "subject" : "subjects"}: too few to be in every part`,
    );
  });
  for (const [label, part] of missing(subjects, assignment, used)) {
    warnings.push(
      `class ${label} (${dataset.info.classes[label] ?? ""}) is not in ${part}: its subjects also have higher labels`,
    );
  }
  return warnings;
}

function hashOf(seed: number, datasetHash: string, parts: Record<Part, string[]>): string {
  const sorted = PARTS.map((part) => [...parts[part]].sort());
  return createHash("sha256")
    .update(JSON.stringify([1, seed, datasetHash, sorted]))
    .digest("hex");
}

/** Writes split.json into the data set's folder. @returns its path */
export function writeSplit(dataset: Dataset, split: Split): string {
  const path = join(dataset.directory, "split.json");
  writeFileAtomic(path, JSON.stringify(split, null, 2) + "\n");
  return path;
}

const ids = z.array(z.string());
const schema = z.strictObject({
  version: z.literal(1),
  seed: z.int(),
  by: z.literal("subject"),
  datasetHash: z.string(),
  parts: z.strictObject({ train: ids, val: ids, test: ids }),
  hash: z.string(),
  warnings: z.array(z.string()),
});

/** @throws SplitError missing, not a split, or changed since it was written */
export function readSplit(path: string): Split {
  const again = "Make it with slicestack split.";
  let split: Split;
  try {
    split = schema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    const problem = cause instanceof z.ZodError ? (cause.issues[0]?.message ?? "not a split") : codeOf(cause);
    throw new SplitError(`${path}: expected a split (${problem})`, again, { cause });
  }
  checkHash(split, path);
  return split;
}

function checkHash(split: Split, what: string): void {
  const expected = hashOf(split.seed, split.datasetHash, split.parts);
  if (split.hash === expected) return;
  throw new SplitError(
    `${what}: expected the hash ${expected} for its ids, found ${split.hash}`,
    "It was edited by hand; make it again with slicestack split.",
  );
}

/** Refuses a split of another data set, unknown ids, an id or a subject in two parts, and an edited one. @throws SplitError */
export function checkSplit(split: Split, dataset: Dataset): void {
  const remedy = "Make a split of this data set with slicestack split.";
  if (split.datasetHash !== dataset.info.hash) {
    throw new SplitError(`split: expected data set ${dataset.info.hash}, it was made for ${split.datasetHash}`, remedy);
  }
  const subjectOf = new Map(dataset.volumes.map((volume) => [volume.id, volume.subject]));
  const seenIds = new Set<string>();
  const partOf = new Map<string, Part>();
  for (const part of PARTS) {
    for (const id of split.parts[part]) {
      const subject = subjectOf.get(id);
      if (subject === undefined) throw new SplitError(`split: ${part} names ${id}, which the data set lacks`, remedy);
      if (seenIds.has(id)) throw new SplitError(`split: ${id} stands twice`, remedy);
      seenIds.add(id);
      const other = partOf.get(subject) ?? part;
      if (other !== part) throw new SplitError(`split: subject ${subject} is in ${other} and in ${part}`, remedy);
      partOf.set(subject, part);
    }
  }
  checkHash(split, "split");
}
