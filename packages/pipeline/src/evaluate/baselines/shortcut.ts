/** The shortcut baseline, which a model must beat: a regression on a few crude numbers of each volume. */
import { fitLogistic, predictLogistic, type LogisticModel } from "@slicestack/stats";
import { fillGaps, type FilledTable } from "./gaps.js";

/** Facts of a volume that are known without its slices; fields as in VolumeRecord. */
export interface ShortcutSource {
  /** x, y, z in the source, mm */
  original: { shape: readonly [number, number, number]; spacing: readonly [number, number, number] };
  /** crude mean over the lungs in HU; null if the source has no HU */
  meanLungHu: number | null;
}

const FEATURES: readonly { name: string; of: (volume: ShortcutSource) => number | null }[] = [
  { name: "mean lung HU", of: (volume) => volume.meanLungHu },
  { name: "slice count", of: (volume) => volume.original.shape[2] },
  { name: "in-plane spacing", of: (volume) => volume.original.spacing[0] },
  { name: "slice spacing", of: (volume) => volume.original.spacing[2] },
];

export interface ShortcutBaseline extends Pick<FilledTable, "filled" | "leftOut"> {
  /** names of the features used; empty if none varies: the probabilities are then the train prior */
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
  const rows = (volumes: readonly ShortcutSource[]) =>
    volumes.map((volume) => FEATURES.map(({ of }) => finiteOrNull(of(volume))));
  const names = FEATURES.map(({ name }) => name);
  const table = fillGaps(names, rows(train.volumes), rows(target));
  const model = fitLogistic(table.train, train.labels, { classes });
  const { filled, leftOut } = table;
  return {
    features: table.names,
    filled,
    leftOut,
    model,
    probabilities: predictLogistic(model, table.target),
  };
}

const finiteOrNull = (value: number | null): number | null =>
  value !== null && Number.isFinite(value) ? value : null;
