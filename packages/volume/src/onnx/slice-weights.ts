import type { GraphFacts } from "./model-facts.js";

/** How much a slice counted. */
export interface SliceWeight {
  /** Axial slice of the prepared scan, counted from 0 at the feet; null in another plane. */
  slice: number | null;
  /** Its share, its attention, or in 2D its probability of the decided class; null if the model does not weight slices. */
  weight: number | null;
}

interface Outputs {
  /** One number for each slice seen, or null. */
  weights: readonly number[] | null;
  /** 2D: the probability of each class for each slice, slice after slice; null otherwise. */
  probabilities: readonly number[] | null;
  /** Of the volume. */
  uncalibrated: readonly number[];
}

/** @param depth axial slices of the prepared scan */
export function sliceWeights(
  outputs: Outputs,
  depth: number,
  { planes, sampled }: NonNullable<GraphFacts["seen"]>,
): SliceWeight[] {
  const all = depth * planes;
  const count = Math.min(sampled ?? Infinity, all);
  const weights = outputs.weights ?? decidedClass(outputs);
  return Array.from({ length: count }, (_, k) => {
    // Evenly spaced, as the model's input is; axial slices come first.
    const place = Math.floor(((k + 0.5) * all) / count);
    return { slice: place < depth ? place : null, weight: weights?.[k] ?? null };
  });
}

function decidedClass({ probabilities, uncalibrated }: Outputs): number[] | null {
  if (probabilities === null) return null;
  const classes = uncalibrated.length;
  const decided = uncalibrated.indexOf(Math.max(...uncalibrated));
  return probabilities.filter((_, k) => k % classes === decided);
}
