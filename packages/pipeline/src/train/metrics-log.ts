/** metrics.jsonl and TensorBoard events of a run: one row per epoch. */
import { existsSync, readFileSync } from "node:fs";
import { makeFolder } from "../data/make-folder.js";
import { appendText, writeFileAtomic } from "../data/atomic.js";
import { runPaths, type StageName } from "../run/folder.js";
import { selectionColumn } from "../run/epoch-selection.js";
import { EventFile } from "./tensorboard.js";

export interface EpochRow {
  stage: StageName;
  epoch: number;
  /** The number of optimiser steps so far. */
  step: number;
  train_loss: number;
  /** Mean over the epoch's steps, before clipping. */
  gradient_norm: number;
  val_loss: number;
  val_accuracy: number;
  val_balanced_accuracy: number;
  val_macro_f1: number;
  /** NaN if val has only one class; null in the file. */
  val_auroc: number;
  val_quadratic_kappa: number;
  learning_rate: number;
  seconds: number;
  /** Another metric that a stage selects by. */
  [further: `val_${string}`]: number;
}

/** The lines of a metrics.jsonl whose rows are wanted; an incomplete line, which a killed process leaves, is dropped. */
export function rowsOf(file: string, wanted: (row: Partial<EpochRow>) => boolean): string {
  const isWanted = (line: string) => {
    try {
      return line !== "" && wanted(JSON.parse(line) as Partial<EpochRow>);
    } catch {
      return false;
    }
  };
  const lines = readFileSync(file, "utf8").split("\n").filter(isWanted);
  return lines.map((line) => `${line}\n`).join("");
}

export class MetricsLog implements Disposable {
  readonly #file: string;
  readonly #events: EventFile | null;

  /** @param isKept false in all processes of a training but the first, which writes the files */
  constructor(run: string, isKept = true) {
    const { root, metrics } = runPaths(run);
    makeFolder(root);
    this.#file = metrics;
    this.#events = isKept ? new EventFile(root) : null;
  }

  /** Drops the rows of a stage from `epoch`, which a resumed run writes again. */
  rewind(stage: StageName, epoch: number): void {
    if (this.#events === null || !existsSync(this.#file)) return;
    writeFileAtomic(
      this.#file,
      rowsOf(this.#file, (row) => row.stage !== stage || (row.epoch ?? 0) < epoch),
    );
  }

  write(row: EpochRow): void {
    if (this.#events === null) return;
    appendText(this.#file, `${JSON.stringify(row)}\n`);
    const { stage, epoch, step, ...scalars } = row;
    this.#events.scalars(
      epoch,
      Object.fromEntries(Object.entries({ ...scalars, step }).map(([name, x]) => [`${stage}/${name}`, x])),
    );
  }

  /** Writes the best score so far for TensorBoard, under the name of the selection metric, e.g. slice/best_val_macro_f1. */
  best(stage: StageName, epoch: number, metric: string, score: number): void {
    this.#events?.scalars(epoch, { [`${stage}/best_${selectionColumn(metric)}`]: score });
  }

  [Symbol.dispose](): void {
    this.#events?.[Symbol.dispose]();
  }
}
