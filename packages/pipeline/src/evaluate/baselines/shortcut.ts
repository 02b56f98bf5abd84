/** What a model must beat: a regression on a few crude numbers of each volume, seen without its slices. */
import { fitLogistic, predictLogistic, type LogisticModel } from "./logistic.js";

/** What is known of a volume without looking at its slices; fields as in VolumeRecord. */
export interface ShortcutSource {
  /** x, y, z in the source, mm */
  original: { shape: readonly [number, number, number]; spacing: readonly [number, number, number] };
  /** crude mean over the lungs in HU; null where the source has no HU */
  meanLungHu: number | null;
}

/** N rows of F named numbers. */
export interface ShortcutFeatures {
  names: string[];
  values_NF: number[][];
}

const FEATURES: readonly { name: string; of: (volume: ShortcutSource) => number | null }[] = [
  { name: "mean lung HU", of: (volume) => volume.meanLungHu },
  { name: "slice count", of: (volume) => volume.original.shape[2] },
  { name: "in-plane spacing", of: (volume) => volume.original.spacing[0] },
  { name: "slice spacing", of: (volume) => volume.original.spacing[2] },
];

/** Keeps the features that every given volume has and that differ between the training volumes. */
export function shortcutFeatures(
  train: readonly ShortcutSource[],
  target: readonly ShortcutSource[],
): { train: ShortcutFeatures; target: ShortcutFeatures } {
  const kept = FEATURES.filter(({ of }) => {
    const values = train.map(of);
    const complete = [...values, ...target.map(of)].every((value) => value !== null && Number.isFinite(value));
    return complete && new Set(values).size > 1;
  });
  const table = (volumes: readonly ShortcutSource[]): ShortcutFeatures => ({
    names: kept.map(({ name }) => name),
    values_NF: volumes.map((volume) => kept.map(({ of }) => of(volume)!)),
  });
  return { train: table(train), target: table(target) };
}

export interface ShortcutBaseline {
  /** names of the features used; empty where none varies, and the probabilities are then the train prior */
  features: string[];
  model: LogisticModel;
  /** target volumes x classes */
  probabilities: number[][];
}

/** Logistic regression on the shortcut features, standardised and fitted on the training volumes only. */
export function shortcutBaseline(
  train: { volumes: readonly ShortcutSource[]; labels: readonly number[] },
  target: readonly ShortcutSource[],
  classes: number,
): ShortcutBaseline {
  const features = shortcutFeatures(train.volumes, target);
  const model = fitLogistic(features.train.values_NF, train.labels, { classes });
  return { features: features.train.names, model, probabilities: predictLogistic(model, features.target.values_NF) };
}
