/** The requests to a model and its results, as plain values. */
import type { Volume } from "./features.js";

export interface PredictionOptions {
  /** Identifies the voxels, so that the features of slices are cached. Absent: they are always computed. */
  contentHash?: string;
  onBatch?: (done: number, total: number, unit: "slices" | "volumes") => void;
}

/** Class probabilities of each volume by one model. */
export interface Probabilities {
  /** 2.5d or 3d; 2.5d_frozen: before fine-tuning. */
  model: string;
  probabilities: number[][];
}

/** How the slices of a volume contributed. */
export interface Evidence {
  id: string;
  /** How much each slice contributed to the main model; null if the model does not weight slices. */
  weights: number[] | null;
  /** The index of each axial slice in the volume; null for slices of other planes. Empty in 3D. */
  places: (number | null)[];
}

/** The predictions of the slice model for all slices, volume after volume. */
export interface SliceProbabilities {
  /** Slices of each volume. */
  counts: number[];
  /** slices x classes */
  probabilities: Float32Array;
}

export interface Predicted {
  /** The probabilities, with the main model last; empty in 2D, where the slices vote. */
  models: Probabilities[];
  /** null in 3D. */
  slices: SliceProbabilities | null;
  evidence: Evidence[];
  /** What the trunk makes of each volume, as `embed` gives it; null in 3D. */
  embeddings: Float32Array[] | null;
}

export interface Predictor extends Disposable {
  /** Applies all trained models to all of these volumes. @throws ModelError if a volume does not fit */
  predict(volumes: readonly Volume[], options?: PredictionOptions): Predicted;
  /** Applies the main model to one volume, starting from the stored voxels, without caching. In 2D: probabilities of each slice. */
  decide(volume: Volume): number[][];
  /** The mean embedding of each volume's slices by the trunk of the slice stage, float32; null in 3D. */
  embed(volumes: readonly Volume[], options?: PredictionOptions): Float32Array[] | null;
}
