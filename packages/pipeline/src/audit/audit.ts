/** Audits a prepared data set for what could make scores too optimistic, or a model useless elsewhere. */
import { existsSync } from "node:fs";
import { FLAGS_REMEDY } from "../data/hu.js";
import { GEOMETRY_COLUMN } from "../data/subjects.js";
import type { Progress } from "../engine/progress.js";
import { labelsOf, openDataset, type Dataset } from "../data/store.js";
import { checkSplit, foldName, readSplits, splitPath, type Split } from "../data/split/split.js";
import { PARTS, type Part } from "../data/split/parts.js";
import { formatEstimate } from "../page/format.js";
import { acquisitionAuc, ALL_TOGETHER, unusableColumns, type AcquisitionFinding } from "./acquisition.js";
import { findDuplicates, type DuplicatePair } from "./duplicates.js";
import { volumeFacts } from "./facts.js";
import type { VolumeFacts } from "./volume-facts.js";
import { findOutliers, type Outlier } from "./outliers.js";
import { valueFingerprint, type ValueFingerprint } from "./values.js";

/** error: scores will be wrong; warning: to be checked; note: for information. */
export type Severity = "error" | "warning" | "note";

export interface Finding {
  severity: Severity;
  text: string;
}

/** A duplicate with the parts of its two volumes, if there is a split; null for a volume in no part. */
export interface PlacedPair extends DuplicatePair {
  parts: [Part | null, Part | null] | null;
}

export interface Audit {
  dataset: {
    name: string;
    hash: string;
    directory: string;
    volumes: number;
    subjects: number;
    slices: number;
    unit: string;
  };
  split: { name: string; seed: number; by: string[]; origin: string; hash: string } | null;
  /** Subjects and volumes of each class, in all and by part. */
  balance: { class: string; subjects: number; volumes: number; parts: Record<Part, number> | null }[];
  acquisition: AcquisitionFinding[];
  /** Columns of the acquisition with a different text for nearly every volume. */
  unusable: string[];
  values: ValueFingerprint;
  duplicates: { pairs: PlacedPair[]; total: number };
  outliers: Outlier[];
  /** Volumes whose file has contradictory geometry. */
  contradictions: { id: string; notes: string }[];
  quarantined: number;
  findings: Finding[];
}

export interface AuditOptions {
  /** Folder of a prepared data set. */
  data: string;
  /** Fold of split.json; default the first. */
  fold?: number;
  /** Further columns that describe the acquisition. */
  columns?: readonly string[];
  seed?: number;
  workers?: number;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/** @throws DatasetError, SplitError */
export async function audit(options: AuditOptions): Promise<Audit> {
  const { data, fold = 0, columns = [], seed = 0 } = options;
  const dataset = openDataset(data);
  const { split, problem } = splitOf(dataset, fold);
  const facts = await volumeFacts(dataset, options);
  options.signal?.throwIfAborted();
  return auditOf(dataset, split, problem, facts, { columns, seed });
}

/** An invalid split is a finding; it does not end the audit. */
function splitOf(dataset: Dataset, fold: number): { split: Split | null; problem: string | null } {
  const file = splitPath(dataset);
  if (!existsSync(file)) return { split: null, problem: null };
  try {
    const splits = readSplits(file);
    const split = splits[fold];
    if (split === undefined)
      return {
        split: null,
        problem: `split.json has no fold ${fold}: it has ${splits.length} folds, counted from 0`,
      };
    checkSplit(split, dataset);
    return { split, problem: null };
  } catch (error) {
    return { split: null, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** The audit of given facts. */
export function auditOf(
  dataset: Dataset,
  split: Split | null,
  splitProblem: string | null,
  facts: readonly VolumeFacts[],
  options: { columns: readonly string[]; seed: number },
): Audit {
  const { volumes, info, directory } = dataset;
  const partOf =
    split === null
      ? null
      : new Map(PARTS.flatMap((part) => split.parts[part].map((id) => [id, part] as const)));
  const { pairs, total } = findDuplicates(volumes, facts);
  const pairsWithParts = pairs.map((pair): PlacedPair => ({
    ...pair,
    parts: partOf === null ? null : [partOf.get(pair.a) ?? null, partOf.get(pair.b) ?? null],
  }));
  const result: Omit<Audit, "findings"> = {
    dataset: {
      name: info.name,
      hash: info.hash,
      directory,
      volumes: volumes.length,
      subjects: new Set(volumes.map(({ subject }) => subject)).size,
      slices: volumes.reduce((sum, { count }) => sum + count, 0),
      unit: info.unit,
    },
    split:
      split === null
        ? null
        : { name: foldName(split), seed: split.seed, by: split.by, origin: split.origin, hash: split.hash },
    balance: labelsOf(info).map((label) => {
      const name = info.classes[label]!;
      const classVolumes = volumes.filter((volume) => volume.label === label);
      const within = (part: Part) => classVolumes.filter(({ id }) => partOf?.get(id) === part).length;
      return {
        class: name,
        subjects: new Set(classVolumes.map(({ subject }) => subject)).size,
        volumes: classVolumes.length,
        parts: partOf === null ? null : { train: within("train"), val: within("val"), test: within("test") },
      };
    }),
    acquisition: acquisitionAuc(dataset, options),
    unusable: unusableColumns(volumes, options.columns),
    values: valueFingerprint(dataset, facts, options.seed),
    duplicates: { pairs: pairsWithParts, total },
    outliers: findOutliers(volumes, facts),
    contradictions: volumes.flatMap(({ id, extra }) => {
      const notes = extra[GEOMETRY_COLUMN] ?? "";
      return notes === "" ? [] : [{ id, notes }];
    }),
    quarantined: info.quarantined?.length ?? 0,
  };
  return { ...result, findings: findingsOf(result, split, splitProblem) };
}

function findingsOf(
  audit: Omit<Audit, "findings">,
  split: Split | null,
  splitProblem: string | null,
): Finding[] {
  const findings: Finding[] = [];
  const add = (severity: Severity, text: string) => findings.push({ severity, text });
  if (splitProblem !== null) add("error", `The split is invalid: ${splitProblem}`);
  const across = audit.duplicates.pairs.filter(
    ({ parts }) => parts?.[0] && parts[1] && parts[0] !== parts[1],
  );
  const leaks = across.filter(({ parts }) => parts!.includes("test") || parts!.includes("val"));
  if (leaks.length > 0)
    add(
      "error",
      `${pairsText(leaks)} ${leaks.length === 1 ? "is" : "are"} in two parts: ${pairNames(leaks)}. Assign both volumes to the same subject, or remove one, and split again.`,
    );
  const contradicting = audit.duplicates.pairs.filter(
    ({ sameLabel, kind }) => !sameLabel && kind === "identical",
  );
  if (contradicting.length > 0)
    add(
      "error",
      `${pairsText(contradicting)} ${contradicting.length === 1 ? "has" : "have"} two labels: ${pairNames(contradicting)}.`,
    );
  const otherPairs = audit.duplicates.pairs.filter(
    (pair) => !leaks.includes(pair) && !contradicting.includes(pair) && !pair.sameSubject,
  );
  if (otherPairs.length > 0)
    add(
      "warning",
      `${pairsText(otherPairs)} ${otherPairs.length === 1 ? "belongs" : "belong"} to different subjects: ${pairNames(otherPairs)}. Check whether they are one person.`,
    );
  const predictive = audit.acquisition.filter(({ suspicious }) => suspicious);
  const single = predictive.filter(({ name }) => name !== ALL_TOGETHER);
  for (const { name, auroc } of single.length > 0 ? single : predictive)
    add(
      "warning",
      `${name === ALL_TOGETHER ? "All properties of the acquisition together predict" : `${name} alone predicts`} the label: AUROC ${formatEstimate(auroc)}. A model may learn the acquisition; compare it with the shortcut baseline, and test it on another site.`,
    );
  const predictiveValues = audit.values.auroc.filter(({ suspicious }) => suspicious);
  if (predictiveValues.length > 0) {
    const numbers = predictiveValues
      .map(({ name, auroc }) => `${name} (AUROC ${formatEstimate(auroc)})`)
      .join(", ");
    add(
      "warning",
      `Single numbers of the values predict the label: ${numbers}. Compare the classes under "values": a lost rescale intercept, another converter or another mask in one class would be learned instead of the disease.`,
    );
  }
  for (const doubt of audit.values.doubts) add("warning", `${doubt}. ${FLAGS_REMEDY}`);
  const [contradiction] = audit.contradictions;
  if (contradiction !== undefined)
    add(
      "warning",
      `${audit.contradictions.length} ${audit.contradictions.length === 1 ? "volume has" : "volumes have"} a file with contradictory geometry or without a spacing, such as ${contradiction.id}: ${contradiction.notes}. Distances, and left and right, may be wrong; compare with the original export of the scanner.`,
    );
  for (const { name, missing } of audit.acquisition) {
    if (missing > 0)
      add(
        "note",
        `${name} is missing for ${missing} of ${audit.dataset.volumes} volumes. They are kept: missing numbers are replaced by the mean, and whether a number is missing is analysed, too.`,
      );
  }
  for (const name of audit.unusable)
    add(
      "warning",
      `${name} has a different text for nearly every volume, so it cannot be analysed. If it contains numbers, write them without units, and prepare again.`,
    );
  for (const { class: name, subjects } of audit.balance) {
    if (subjects < 3)
      add(
        "warning",
        `Class ${name} has ${subjects} ${subjects === 1 ? "subject" : "subjects"}: it cannot be in train, val and test.`,
      );
    else if (subjects < 10)
      add("note", `Class ${name} has ${subjects} subjects: its numbers will have wide intervals.`);
  }
  // Small classes are reported above.
  const ofSplit = split?.warnings.filter((text) => !text.endsWith("too few to be in every part")) ?? [];
  for (const warning of ofSplit) add("note", `Split: ${warning}.`);
  const outlierCount = new Set(audit.outliers.map(({ id }) => id)).size;
  if (outlierCount > 0) {
    const [first] = audit.outliers;
    add(
      "warning",
      `${outlierCount} ${outlierCount === 1 ? "volume is" : "volumes are"} unlike the others, ${first!.id} the most (${first!.what} ${threeDigits(first!.value)}, median ${threeDigits(first!.median)}). Look at them with slicestack inspect.`,
    );
  }
  if (audit.quarantined > 0)
    add(
      "note",
      `${audit.quarantined} volumes were quarantined when the data set was prepared: see dataset.json. Check whether a class is affected more often.`,
    );
  if (audit.split === null && splitProblem === null)
    add(
      "note",
      "There is no split yet. Make one with slicestack split; overlap between parts is then checked.",
    );
  if (audit.acquisition.length === 0)
    add(
      "note",
      "The acquisition is unknown, or there are too few subjects to tell whether it predicts the label.",
    );
  const order: Severity[] = ["error", "warning", "note"];
  return findings.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

const threeDigits = (value: number): string => String(Number(value.toPrecision(3)));

function pairsText(pairs: readonly DuplicatePair[]): string {
  const identical = pairs.filter(({ kind }) => kind === "identical").length;
  const kind =
    identical === pairs.length
      ? "identical"
      : identical === 0
        ? "nearly identical"
        : "identical or nearly identical";
  return `${pairs.length} ${pairs.length === 1 ? "pair" : "pairs"} of ${kind} volumes`;
}

function pairNames(pairs: readonly PlacedPair[]): string {
  const names = pairs
    .slice(0, 5)
    .map(({ a, b, parts }) => (parts === null ? `${a} = ${b}` : `${a} (${parts[0]}) = ${b} (${parts[1]})`));
  return `${names.join(", ")}${pairs.length > 5 ? ", …" : ""}`;
}
