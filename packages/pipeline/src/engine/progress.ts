/** One report of how far a stage has come. `done` and `total` are counted in `unit` (volumes, slices, steps …). */
export interface Progress {
  stage: string;
  done: number;
  total: number;
  unit: string;
  message?: string;
  metrics?: Record<string, number>;
  /** How many the stage has, where it goes by epochs: each one ends with a report that holds `epoch`. */
  epochs?: number;
  /** An epoch that has just ended: a row of the log. */
  epoch?: EpochReport;
  /** Estimated seconds of the stages that come after this one; absent for the last stage, and while no estimate is possible. */
  later?: number;
}

/** What a training tells of an epoch. */
export interface EpochReport {
  /** slice, volume or fine_tune. */
  stage: string;
  /** From 1 on. */
  epoch: number;
  epochs: number;
  trainLoss: number;
  valLoss: number;
  /** The metric on val that chooses the epoch, as people call it: "macro F1". */
  metric: string;
  /** NaN where it is undefined, as AUROC is with one class. */
  score: number;
  /** Of the best epoch so far, this one included. */
  best: { epoch: number; score: number };
  learningRate: number;
  seconds: number;
}
