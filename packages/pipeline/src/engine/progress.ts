/** The progress of a stage. `done` and `total` are counted in `unit` (volumes, slices, steps …). */
export interface Progress {
  stage: string;
  done: number;
  total: number;
  unit: string;
  message?: string;
  metrics?: Record<string, number>;
  /** The number of epochs, if the stage has epochs: each one ends with a report that contains `epoch`. */
  epochs?: number;
  /** The epoch that has just ended: a row of the log. */
  epoch?: EpochReport;
  /** Estimated seconds of the stages that come after this one; absent for the last stage, and while no estimate is possible. */
  later?: number;
}

/** What training reports about an epoch. */
export interface EpochReport {
  /** slice, volume or fine_tune. */
  stage: string;
  /** Counted from 1. */
  epoch: number;
  epochs: number;
  trainLoss: number;
  valLoss: number;
  /** The display name of the metric on val that chooses the epoch, such as "macro F1". */
  metric: string;
  /** NaN if it is undefined, as AUROC is with one class. */
  score: number;
  /** The best epoch so far, which may be this one. */
  best: { epoch: number; score: number };
  learningRate: number;
  seconds: number;
}
