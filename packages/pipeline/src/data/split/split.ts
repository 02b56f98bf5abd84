/** Splits: the volumes that models are trained on, chosen on and tested on; stored with hashes. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../atomic.js";
import { codeOf } from "../error-code.js";
import { SplitError } from "../errors.js";
import { openSealed, sealedJson } from "../sealed-json.js";
import type { Dataset } from "../store.js";
import { PARTS, type Part } from "./parts.js";

/** Position of a split in a cross-validation; counted from 0. */
export interface Fold {
  repeat: number;
  repeats: number;
  fold: number;
  folds: number;
}

/** No subject is in two parts. */
export interface Split {
  version: 2;
  seed: number;
  /** What stays together: subject, and a column such as site. */
  by: string[];
  /** Drawn by Slicestack, or published with the data. */
  origin: "drawn" | "official";
  fold: Fold | null;
  datasetHash: string;
  /** Volume ids, sorted. */
  parts: Record<Part, string[]>;
  /** SHA-256 over the ids of each part, the seed and the data set's hash. */
  hash: string;
  warnings: string[];
}

/** A split of these parts, with its hash. */
export function sealed(
  dataset: Dataset,
  facts: {
    seed: number;
    group: string | undefined;
    parts: Record<Part, string[]>;
    warnings: string[];
    fold?: Fold;
    origin?: Split["origin"];
  },
): Split {
  const { seed, group, warnings, fold = null, origin = "drawn" } = facts;
  const datasetHash = dataset.info.hash;
  const [train = [], val = [], test = []] = PARTS.map((part) => [...facts.parts[part]].sort());
  const parts = { train, val, test };
  const by = group === undefined ? ["subject"] : ["subject", group];
  return {
    version: 2,
    seed,
    by,
    origin,
    fold,
    datasetHash,
    parts,
    hash: hashOf(seed, datasetHash, parts),
    warnings,
  };
}

function hashOf(seed: number, datasetHash: string, parts: Record<Part, string[]>): string {
  const sorted = PARTS.map((part) => [...parts[part]].sort());
  return createHash("sha256")
    .update(JSON.stringify([1, seed, datasetHash, sorted]))
    .digest("hex");
}

/** The path of a data set's split. */
export const splitPath = (dataset: Pick<Dataset, "directory">): string =>
  join(dataset.directory, "split.json");

/** Writes split.json into the data set's folder: one split, or those of a cross-validation. @returns its path */
export function writeSplit(dataset: Dataset, split: Split | readonly Split[]): string {
  const path = splitPath(dataset);
  writeFileAtomic(path, splitText(split));
  return path;
}

/** The text of a split.json. */
export function splitText(split: Split | readonly Split[]): string {
  return sealedJson("parts" in split ? split : { version: 2, folds: split });
}

const ids = z.array(z.string());
const schema = z.strictObject({
  version: z.literal(2),
  seed: z.int(),
  by: z.array(z.string()).min(1),
  origin: z.enum(["drawn", "official"]),
  fold: z.strictObject({ repeat: z.int(), repeats: z.int(), fold: z.int(), folds: z.int() }).nullable(),
  datasetHash: z.string(),
  parts: z.strictObject({ train: ids, val: ids, test: ids }),
  hash: z.string(),
  warnings: z.array(z.string()),
});
const foldsSchema = z.strictObject({ version: z.literal(2), folds: z.array(schema).min(1) });

const MAKE_IT = "Make it with slicestack split.";

export interface ReadSplitOptions {
  /** Fold of a cross-validation, counted from 0. */
  fold?: number;
  /** Remedy for messages, if the file cannot be made again. */
  remedy?: string;
  /** Remedy for messages, if the file has several folds and none is requested. */
  choose?: string;
}

/** The only split of a file, or the requested fold. @throws SplitError as readSplits, and for a cross-validation */
export function readSplit(path: string, options: ReadSplitOptions = {}): Split {
  const { fold, remedy = MAKE_IT, choose = "Choose one with --fold." } = options;
  const splits = readSplits(path, remedy);
  const split = fold === undefined && splits.length === 1 ? splits[0] : splits[fold ?? -1];
  if (split !== undefined) return split;
  if (fold === undefined)
    throw new SplitError(`${path}: expected one split, but the file has ${splits.length} folds`, choose);
  const last = splits.length - 1;
  throw new SplitError(
    `${path}: expected a fold 0 to ${last}, received ${fold}`,
    "Folds are counted from 0.",
  );
}

/** The split of a file, or its folds in order. @throws SplitError if it is missing, not a split, or was changed */
export function readSplits(path: string, remedy = MAKE_IT): Split[] {
  let splits: Split[];
  try {
    const { value } = openSealed(readFileSync(path, "utf8"));
    const several = typeof value === "object" && value !== null && "folds" in value;
    splits = several ? foldsSchema.parse(value).folds : [schema.parse(value)];
  } catch (cause) {
    const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined;
    const problem = issue === undefined ? codeOf(cause) : `${issue.path.join(".")}: ${issue.message}`;
    throw new SplitError(`${path}: expected a split (${problem})`, remedy, { cause });
  }
  for (const split of splits) checkHash(split, path);
  return splits;
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
    throw new SplitError(
      `split: expected data set ${dataset.info.hash}, but it was made for ${split.datasetHash}`,
      remedy,
    );
  }
  const subjectOf = new Map(dataset.volumes.map((volume) => [volume.id, volume.subject]));
  const seenIds = new Set<string>();
  const partOf = new Map<string, Part>();
  for (const part of PARTS) {
    for (const id of split.parts[part]) {
      const subject = subjectOf.get(id);
      if (subject === undefined)
        throw new SplitError(`split: ${part} contains ${id}, which is not in the data set`, remedy);
      if (seenIds.has(id)) throw new SplitError(`split: ${id} appears twice`, remedy);
      seenIds.add(id);
      const other = partOf.get(subject) ?? part;
      if (other !== part)
        throw new SplitError(`split: subject ${subject} is in ${other} and in ${part}`, remedy);
      partOf.set(subject, part);
    }
  }
  checkHash(split, "split");
}

/** Among the folds of all repeats, counted from 0 as --fold and run folders do; null for a split without folds. */
export const foldNumber = ({ fold }: Pick<Split, "fold">): number | null =>
  fold === null ? null : fold.repeat * fold.folds + fold.fold;

/** "fold 2 of 0–4", with the number that --fold takes, or "" for a split without folds. */
export function foldName({ fold }: Pick<Split, "fold">): string {
  if (fold === null) return "";
  const repeat = fold.repeats > 1 ? ` (repeat ${fold.repeat})` : "";
  return `fold ${foldNumber({ fold })} of 0–${fold.repeats * fold.folds - 1}${repeat}`;
}
