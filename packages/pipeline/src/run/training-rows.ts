/** Reads the rows of metrics.jsonl from which training curves are drawn. */
import { existsSync, readFileSync } from "node:fs";
import { PredictionsError } from "@slicestack/stats";

/** One epoch of one stage; fields as in metrics.jsonl. NaN if a row lacks one. */
export interface TrainingRow {
  stage: string;
  epoch: number;
  train_loss: number;
  val_loss: number;
  val_balanced_accuracy: number;
  val_macro_f1: number;
  val_auroc: number;
  val_quadratic_kappa: number;
  seconds: number;
  /** Other selection metrics by name. */
  [further: `val_${string}`]: number;
}

/**
 * Reads metrics.jsonl. Lines without a stage and an epoch (events, notes) are skipped, and so is an incomplete last line, which
 * a killed process leaves. There are no rows without the file: an imported checkpoint was not trained here.
 * @throws PredictionsError with the line number if any other line is not a JSON object
 */
export function readTrainingRows(path: string): TrainingRow[] {
  return existsSync(path) ? parseTrainingRows(readFileSync(path, "utf8"), path) : [];
}

export function parseTrainingRows(text: string, path: string): TrainingRow[] {
  const lines = text.split("\n");
  const cutOff = text.endsWith("\n") ? -1 : lines.length - 1;
  return lines.flatMap((line, i) => {
    if (line.trim() === "") return [];
    const row = parseLine(line);
    if (row === undefined && i !== cutOff)
      throw new PredictionsError(
        `line ${i + 1}: expected a JSON object, received ${line.slice(0, 60)}`,
        path,
      );
    return row === undefined ? [] : trainingRow(row);
  });
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function trainingRow(row: Record<string, unknown>): TrainingRow[] {
  const { stage, epoch } = row;
  if (typeof stage !== "string" || typeof epoch !== "number") return [];
  const number = (key: string) => (typeof row[key] === "number" ? row[key] : Number.NaN);
  const further = Object.entries(row).filter(
    ([key, value]) => key.startsWith("val_") && typeof value === "number",
  );
  return [
    {
      ...(Object.fromEntries(further) as Record<`val_${string}`, number>),
      stage,
      epoch,
      train_loss: number("train_loss"),
      val_loss: number("val_loss"),
      val_balanced_accuracy: number("val_balanced_accuracy"),
      val_macro_f1: number("val_macro_f1"),
      val_auroc: number("val_auroc"),
      val_quadratic_kappa: number("val_quadratic_kappa"),
      seconds: number("seconds"),
    },
  ];
}
