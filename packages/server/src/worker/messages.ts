/** What the server and a process that predicts tell each other. */
import type { ServedModel } from "../schema.js";

export interface OpenModels {
  type: "open";
  models: { name: string; path: string }[];
  allowPlugins: boolean;
  compute: { device?: string; threads?: number; precision?: "auto" | "float32" | "bfloat16" };
}

export type ToWorker =
  | OpenModels
  /** Predicts the upload in the folder of a prediction. */
  | { type: "predict"; id: string; folder: string }
  | { type: "cancel"; id: string };

/** Kind of a failure: the worker could not write what it computed. */
export const DISK_FULL = "DiskFull";

export interface StageSeconds {
  prepare: number;
  predict: number;
}

export type FromWorker =
  | { type: "open"; models: ServedModel[] }
  /** Scans of one or several predictions were computed together. */
  | { type: "batch"; scans: number; slices: number }
  | { type: "progress"; id: string; stage: string; done: number; total: number; unit: string }
  | { type: "done"; id: string; seconds: StageSeconds; rss: number }
  /** `isOfUpload`: another attempt would fail in the same way. */
  | { type: "failed"; id: string | null; name: string; message: string; isOfUpload: boolean };
