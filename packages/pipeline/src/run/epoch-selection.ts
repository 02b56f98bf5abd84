/** The metric on val that chooses the epoch of each stage, and the epoch that it chose. */
import { findComponent } from "../config/components.js";
import { settingsOfStage, stagesOf } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import type { TrainingRow } from "./training-rows.js";

/** The name of a metric. */
export type Selection = string;

/** The selection metric of each stage: slice, volume, fine_tune. */
export type Selections = Readonly<Record<string, Selection>>;

/** The display name of a metric; for a plug-in that is not loaded, its plain name. */
export const selectionName = (select: Selection): string => metricNamed(select)?.label ?? select;
/** Its column in metrics.jsonl. */
export const selectionColumn = (select: Selection): `val_${string}` => `val_${select}`;

const metricNamed = (select: Selection) => findComponent("metric", select);

export function selectionsOf(config: RunConfig): Selections {
  return Object.fromEntries(
    stagesOf(config).map((stage) => [stage, settingsOfStage(config, stage).settings.select.name]),
  );
}

/** The value of a selection metric with its sign changed if lower is better. */
export const higherIsBetter = (value: number, select: Selection): number =>
  metricNamed(select)?.lowerIsBetter === true ? -value : value;

/**
 * The epoch whose weights a stage kept: the best by its metric, or the one with the lower loss among equals. If the metric is
 * undefined, the loss decides, as in training.
 * @param rows of one stage, in order   @returns undefined without rows
 */
export function chosenEpoch(rows: readonly TrainingRow[], select: Selection): TrainingRow | undefined {
  const scoreOf = (row: TrainingRow) => {
    const score = higherIsBetter(row[selectionColumn(select)] ?? NaN, select);
    return Number.isFinite(score) ? score : -row.val_loss;
  };
  return rows.reduce<TrainingRow | undefined>((best, row) => {
    if (best === undefined) return row;
    const [score, highest] = [scoreOf(row), scoreOf(best)];
    return score > highest || (score === highest && row.val_loss < best.val_loss) ? row : best;
  }, undefined);
}
