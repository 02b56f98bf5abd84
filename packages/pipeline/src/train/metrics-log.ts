/** metrics.jsonl and TensorBoard events of a run: one row an epoch. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { writeFileAtomic } from "../data/atomic.js";
import { runPaths, type StageName } from "../run/folder.js";
import { EventFile } from "./tensorboard.js";

export interface EpochRow {
  stage: StageName;
  epoch: number;
  /** Optimiser steps so far. */
  step: number;
  train_loss: number;
  val_loss: number;
  val_balanced_accuracy: number;
  val_macro_f1: number;
  learning_rate: number;
  seconds: number;
}

export class MetricsLog implements Disposable {
  readonly #file: string;
  readonly #events: EventFile;

  constructor(run: string) {
    const { root, metrics } = runPaths(run);
    mkdirSync(root, { recursive: true });
    this.#file = metrics;
    this.#events = new EventFile(root);
  }

  /** Drops the rows of a stage from `epoch` on: what a resumed run will write again. */
  rewind(stage: StageName, epoch: number): void {
    if (!existsSync(this.#file)) return;
    const kept = readFileSync(this.#file, "utf8")
      .split("\n")
      .filter((line) => {
        if (line === "") return false;
        try {
          const row = JSON.parse(line) as Partial<EpochRow>;
          return row.stage !== stage || (row.epoch ?? 0) < epoch;
        } catch {
          return false; // cut off by a kill
        }
      });
    writeFileAtomic(this.#file, kept.map((line) => `${line}\n`).join(""));
  }

  write(row: EpochRow): void {
    appendFileSync(this.#file, `${JSON.stringify(row)}\n`);
    const { stage, epoch, step, ...scalars } = row;
    this.#events.scalars(
      epoch,
      Object.fromEntries(Object.entries({ ...scalars, step }).map(([name, x]) => [`${stage}/${name}`, x])),
    );
  }

  [Symbol.dispose](): void {
    this.#events[Symbol.dispose]();
  }
}
