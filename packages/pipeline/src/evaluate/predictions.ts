/** The predictions of a model for each volume of a part: the only input of an evaluation. */
import { parse } from "csv-parse/sync";
import { checkScores, PredictionsError, ShapeError } from "@slicestack/stats";
import { readGivenFile } from "../config/given-file.js";
import { writeFileAtomic } from "../data/atomic.js";
import { csvText, unguardCell } from "../data/csv.js";

/** One model on one part; all arrays have one entry per volume. `probabilities` is volumes x classes. */
export interface Predictions {
  model: string;
  part: "val" | "test";
  ids: string[];
  subjects: string[];
  labels: number[];
  probabilities: number[][];
}

/** Ids, subjects and labels of volumes. */
export function predictionKeys(
  volumes: readonly { id: string; subject: string; label: number }[],
): Pick<Predictions, "ids" | "subjects" | "labels"> {
  return {
    ids: volumes.map(({ id }) => id),
    subjects: volumes.map(({ subject }) => subject),
    labels: volumes.map(({ label }) => label),
  };
}

/**
 * Refuses predictions that cannot be evaluated.
 * @throws ShapeError, LabelError, ProbabilityError, PredictionsError (if a volume id appears twice)
 */
export function checkPredictions(predictions: Predictions, classes: number): void {
  const { model, part, ids, subjects, labels, probabilities } = predictions;
  for (const [name, values] of Object.entries({ subjects, labels }))
    if (values.length !== ids.length)
      throw new ShapeError(
        `${model} ${part}: ${name}`,
        `${ids.length} values, as many as ids`,
        `${values.length}`,
      );
  checkScores(labels, probabilities, classes);
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.has(id))
      throw new PredictionsError(`${model} ${part}: volume ${id} appears twice; predict each volume once`);
    seen.add(id);
  }
}

/**
 * Writes predictions.csv, one row for each model, part and volume: `model,part,id,subject,label,p_0,...,p_{C-1}`.
 * Probabilities are written with all their digits, so that every number of a report can be recomputed from the file.
 * @throws the errors of checkPredictions; PredictionsError if the number of classes differs between models
 */
export function writePredictions(path: string, all: readonly Predictions[]): void {
  const classes = all[0]?.probabilities[0]?.length;
  if (classes === undefined) throw new PredictionsError("no predictions to write", path);
  for (const predictions of all) checkPredictions(predictions, classes);
  const header = [
    "model",
    "part",
    "id",
    "subject",
    "label",
    ...Array.from({ length: classes }, (_, c) => `p_${c}`),
  ];
  const rows = all.flatMap(({ model, part, ids, subjects, labels, probabilities }) =>
    ids.map((id, i) => [model, part, id, subjects[i]!, String(labels[i]), ...probabilities[i]!.map(String)]),
  );
  writeFileAtomic(path, csvText([header, ...rows]));
}

/**
 * Reads predictions.csv, one entry for each (model, part) in the order of the file.
 * @throws PredictionsError with the line for a wrong header, part or number; then the errors of checkPredictions
 */
export function readPredictions(path: string): Predictions[] {
  const [header, ...rows] = parseRows(path);
  const classes = checkHeader(header ?? [], path);
  const groups = new Map<string, Predictions>();
  rows.forEach((row, i) => {
    const [model = "", part, id = "", subject = "", label, ...values] = row.map(unguardCell);
    if (part !== "val" && part !== "test")
      throw new PredictionsError(`line ${i + 2}: expected part val or test, received "${part}"`, path);
    const key = JSON.stringify([model, part]);
    const group = groups.get(key) ?? { model, part, ids: [], subjects: [], labels: [], probabilities: [] };
    groups.set(key, group);
    group.ids.push(id);
    group.subjects.push(subject);
    group.labels.push(numberOf(label!, i + 2, path));
    group.probabilities.push(values.map((value) => numberOf(value, i + 2, path)));
  });
  for (const group of groups.values()) checkPredictions(group, classes);
  return [...groups.values()];
}

function parseRows(path: string): string[][] {
  try {
    return parse(readGivenFile(path), { bom: true, skip_empty_lines: true });
  } catch (cause) {
    throw new PredictionsError(`cannot be read as CSV: ${(cause as Error).message}`, path);
  }
}

function checkHeader(header: readonly string[], path: string): number {
  const classes = header.length - 5;
  const expected = [
    "model",
    "part",
    "id",
    "subject",
    "label",
    ...Array.from({ length: classes }, (_, c) => `p_${c}`),
  ];
  if (classes < 2 || expected.some((name, i) => name !== header[i]))
    throw new PredictionsError(
      `expected the header model,part,id,subject,label,p_0,p_1,..., received ${header.join(",") || "an empty file"}`,
      path,
    );
  return classes;
}

function numberOf(text: string, line: number, path: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isNaN(value))
    throw new PredictionsError(`line ${line}: expected a number, received "${text}"`, path);
  return value;
}
