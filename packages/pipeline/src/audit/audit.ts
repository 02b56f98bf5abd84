/** Looks at a prepared data set as a reviewer would: what could make a score too good, or a model useless elsewhere. */
import { existsSync } from "node:fs";
import { FLAGS_REMEDY } from "../data/hu.js";
import { GEOMETRY_COLUMN } from "../data/subjects.js";
import type { Progress } from "../engine/progress.js";
import { labelsOf, openDataset, type Dataset } from "../data/store.js";
import { checkSplit, foldName, readSplits, splitPath, type Split } from "../data/split/split.js";
import { PARTS, type Part } from "../data/split/parts.js";
import { formatEstimate } from "../page/format.js";
import { acquisitionAuc, TOGETHER, unusableColumns, type AcquisitionFinding } from "./acquisition.js";
import { findDuplicates, type DuplicatePair } from "./duplicates.js";
import { volumeFacts } from "./facts.js";
import type { VolumeFacts } from "./volume-facts.js";
import { findOutliers, type Outlier } from "./outliers.js";
import { valueFingerprint, type ValueFingerprint } from "./values.js";

/** error: scores will be wrong; warning: look at it; note: good to know. */
export type Severity = "error" | "warning" | "note";

export interface Finding {
  severity: Severity;
  text: string;
}

/** A duplicate with the parts of its two volumes, where there is a split; null where one is in none. */
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
  /** Columns of the acquisition with another text for nearly every volume. */
  unusable: string[];
  values: ValueFingerprint;
  duplicates: { pairs: PlacedPair[]; total: number };
  outliers: Outlier[];
  /** Volumes whose file says two things of its geometry. */
  contradictions: { id: string; notes: string }[];
  quarantined: number;
  findings: Finding[];
}

export interface AuditOptions {
  /** Folder of a prepared data set. */
  data: string;
  /** Which fold of split.json; default the first. */
  fold?: number;
  /** Further columns to take for facts of the acquisition. */
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

/** A split that does not hold is a finding, not the end of the audit. */
function splitOf(dataset: Dataset, fold: number): { split: Split | null; problem: string | null } {
  const file = splitPath(dataset);
  if (!existsSync(file)) return { split: null, problem: null };
  try {
    const splits = readSplits(file);
    const split = splits[fold];
    if (split === undefined)
      return { split: null, problem: `split.json has no fold ${fold}: it holds ${splits.length}, counted from 0` };
    checkSplit(split, dataset);
    return { split, problem: null };
  } catch (error) {
    return { split: null, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** The audit of facts that are known. */
export function auditOf(
  dataset: Dataset,
  split: Split | null,
  splitProblem: string | null,
  facts: readonly VolumeFacts[],
  options: { columns: readonly string[]; seed: number },
): Audit {
  const { volumes, info, directory } = dataset;
  const partOf =
    split === null ? null : new Map(PARTS.flatMap((part) => split.parts[part].map((id) => [id, part] as const)));
  const { pairs, total } = findDuplicates(volumes, facts);
  const placed = pairs.map((pair): PlacedPair => ({
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
      const own = volumes.filter((volume) => volume.label === label);
      const within = (part: Part) => own.filter(({ id }) => partOf?.get(id) === part).length;
      return {
        class: name,
        subjects: new Set(own.map(({ subject }) => subject)).size,
        volumes: own.length,
        parts: partOf === null ? null : { train: within("train"), val: within("val"), test: within("test") },
      };
    }),
    acquisition: acquisitionAuc(dataset, options),
    unusable: unusableColumns(volumes, options.columns),
    values: valueFingerprint(dataset, facts, options.seed),
    duplicates: { pairs: placed, total },
    outliers: findOutliers(volumes, facts),
    contradictions: volumes.flatMap(({ id, extra }) => {
      const notes = extra[GEOMETRY_COLUMN] ?? "";
      return notes === "" ? [] : [{ id, notes }];
    }),
    quarantined: info.quarantined?.length ?? 0,
  };
  return { ...result, findings: findingsOf(result, split, splitProblem) };
}

function findingsOf(found: Omit<Audit, "findings">, split: Split | null, splitProblem: string | null): Finding[] {
  const findings: Finding[] = [];
  const say = (severity: Severity, text: string) => findings.push({ severity, text });
  if (splitProblem !== null) say("error", `The split does not hold: ${splitProblem}`);
  const across = found.duplicates.pairs.filter(({ parts }) => parts?.[0] && parts[1] && parts[0] !== parts[1]);
  const leaks = across.filter(({ parts }) => parts!.includes("test") || parts!.includes("val"));
  if (leaks.length > 0)
    say(
      "error",
      `${pairsText(leaks)} ${leaks.length === 1 ? "lies" : "lie"} in two parts: ${shown(leaks)}. Give both the same subject, or remove one, and split again.`,
    );
  const contradicting = found.duplicates.pairs.filter(({ sameLabel, kind }) => !sameLabel && kind === "identical");
  if (contradicting.length > 0)
    say(
      "error",
      `${pairsText(contradicting)} ${contradicting.length === 1 ? "has" : "have"} two labels: ${shown(contradicting)}.`,
    );
  const others = found.duplicates.pairs.filter(
    (pair) => !leaks.includes(pair) && !contradicting.includes(pair) && !pair.sameSubject,
  );
  if (others.length > 0)
    say(
      "warning",
      `${pairsText(others)} ${others.length === 1 ? "belongs" : "belong"} to different subjects: ${shown(others)}. Are they one person?`,
    );
  const telling = found.acquisition.filter(({ suspicious }) => suspicious);
  const single = telling.filter(({ name }) => name !== TOGETHER);
  for (const { name, auroc } of single.length > 0 ? single : telling)
    say(
      "warning",
      `${name === TOGETHER ? "All facts of the acquisition together predict" : `${name} alone predicts`} the label: AUROC ${formatEstimate(auroc)}. A model may learn how scans were made; compare it with the shortcut baseline, and test it on another site.`,
    );
  const bright = found.values.auroc.filter(({ suspicious }) => suspicious);
  if (bright.length > 0) {
    const numbers = bright.map(({ name, auroc }) => `${name} (AUROC ${formatEstimate(auroc)})`).join(", ");
    say(
      "warning",
      `Single numbers of the values predict the label: ${numbers}. Compare the classes under "values": a lost rescale intercept, another converter or another mask in one class is learned in place of the disease.`,
    );
  }
  for (const doubt of found.values.doubts) say("warning", `${doubt}. ${FLAGS_REMEDY}`);
  const [contradiction] = found.contradictions;
  if (contradiction !== undefined)
    say(
      "warning",
      `${found.contradictions.length} ${found.contradictions.length === 1 ? "volume has" : "volumes have"} a file that contradicts itself on spacing or directions, or says nothing of its spacing, such as ${contradiction.id}: ${contradiction.notes}. Millimetres, and left and right, may be wrong; compare with the scanner's own export.`,
    );
  for (const { name, missing } of found.acquisition) {
    if (missing > 0)
      say(
        "note",
        `${name} is missing for ${missing} of ${found.dataset.volumes} volumes. They are kept: a missing number stands at the mean, and that it is missing is looked at, too.`,
      );
  }
  for (const name of found.unusable)
    say(
      "warning",
      `${name} holds another text for nearly every volume, so that nothing can be told of it. Where it holds numbers, write them without units, and prepare again.`,
    );
  for (const { class: name, subjects } of found.balance) {
    if (subjects < 3)
      say(
        "warning",
        `Class ${name} has ${subjects} ${subjects === 1 ? "subject" : "subjects"}: it cannot be in train, val and test.`,
      );
    else if (subjects < 10)
      say("note", `Class ${name} has ${subjects} subjects: its numbers will have wide intervals.`);
  }
  // Which classes are small is said above.
  const ofSplit = split?.warnings.filter((text) => !text.endsWith("too few to be in every part")) ?? [];
  for (const warning of ofSplit) say("note", `Split: ${warning}.`);
  const odd = new Set(found.outliers.map(({ id }) => id)).size;
  if (odd > 0) {
    const [first] = found.outliers;
    say(
      "warning",
      `${odd} ${odd === 1 ? "volume is" : "volumes are"} unlike the others, ${first!.id} the most (${first!.what} ${three(first!.value)}, median ${three(first!.median)}). Look at them with slicestack inspect.`,
    );
  }
  if (found.quarantined > 0)
    say(
      "note",
      `${found.quarantined} volumes were quarantined when the set was prepared: see dataset.json. Is a class more often among them?`,
    );
  if (found.split === null && splitProblem === null)
    say("note", "There is no split yet: slicestack split makes one, and overlap between parts is then checked.");
  if (found.acquisition.length === 0)
    say(
      "note",
      "Nothing is known of the acquisition, or too few subjects are there to tell whether it gives the label away.",
    );
  const order: Severity[] = ["error", "warning", "note"];
  return findings.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

const three = (value: number): string => String(Number(value.toPrecision(3)));

function pairsText(pairs: readonly DuplicatePair[]): string {
  const identical = pairs.filter(({ kind }) => kind === "identical").length;
  const kind =
    identical === pairs.length ? "identical" : identical === 0 ? "nearly identical" : "identical or nearly identical";
  return `${pairs.length} ${pairs.length === 1 ? "pair" : "pairs"} of ${kind} volumes`;
}

function shown(pairs: readonly PlacedPair[]): string {
  const names = pairs
    .slice(0, 5)
    .map(({ a, b, parts }) => (parts === null ? `${a} = ${b}` : `${a} (${parts[0]}) = ${b} (${parts[1]})`));
  return `${names.join(", ")}${pairs.length > 5 ? ", …" : ""}`;
}
