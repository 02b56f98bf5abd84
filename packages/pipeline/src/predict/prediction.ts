/** What is asked of a model, and what it says: plain values. */
import type { Volume } from "./features.js";

export interface PredictionOptions {
  /** Identifies the voxels: features of the slices are then kept in the cache. Absent: they are computed. */
  contentHash?: string;
  onBatch?: (done: number, total: number, unit: "slices" | "volumes") => void;
}

/** Class probabilities of each volume by one model. */
export interface Probabilities {
  /** 2.5d or 3d; 2.5d_frozen: before fine-tuning. */
  model: string;
  probabilities: number[][];
}

/** What was seen of a volume. */
export interface Evidence {
  id: string;
  /** How much each slice counted for the main model; null if it has no such notion. */
  weights: number[] | null;
  /** Which axial slice of the volume each of them is; null for those of other planes. Empty in 3D. */
  places: (number | null)[];
}

/** What the slice model says of all slices, volume after volume. */
export interface SliceProbabilities {
  /** Slices of each volume. */
  counts: number[];
  /** slices x classes */
  probabilities: Float32Array;
}

export interface Predicted {
  /** The main model last; empty in 2D, where the slices vote. */
  models: Probabilities[];
  /** null in 3D. */
  slices: SliceProbabilities | null;
  evidence: Evidence[];
  /** What the trunk makes of each volume, as `embed` gives it; null in 3D. */
  embeddings: Float32Array[] | null;
}

export interface Predictor extends Disposable {
  /** All models that were trained, on all of these volumes. @throws ModelError if a volume does not fit */
  predict(volumes: readonly Volume[], options?: PredictionOptions): Predicted;
  /** The main model on one volume, from stored voxels on, with nothing kept. In 2D: probabilities of each slice. */
  decide(volume: Volume): number[][];
  /** The mean embedding of each volume's slices by the trunk of the slice stage, float32; null in 3D. */
  embed(volumes: readonly Volume[], options?: PredictionOptions): Float32Array[] | null;
}
