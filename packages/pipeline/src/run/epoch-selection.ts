/** The metric on the validation set that chooses the epoch of each stage, and the epoch that it chose. */
import { existsSync } from "node:fs";
import { findComponent } from "../config/components.js";
import { settingsOfStage, stagesOf } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import { readRecord, runPaths, type RunRecord } from "./folder.js";
import type { TrainingRow } from "./training-rows.js";

/** A selection metric, as far as its values can be read without the plug-in that may define it. */
export interface SelectionMetric {
  name: string;
  /** Its usual name, such as "macro F1". */
  label: string;
  lowerIsBetter: boolean;
}

/** The selection metric of each stage: slice, volume, fine_tune. */
export type Selections = Readonly<Record<string, SelectionMetric>>;

/** The column in metrics.jsonl of the metric with this name. */
export const selectionColumn = (name: string): `val_${string}` => `val_${name}`;

/**
 * The selection metric of each stage of a configuration.
 * @param recorded what a run has recorded about its metrics; it takes precedence, as the plug-in of a metric may not be loaded
 */
export function selectionsOf(config: RunConfig, recorded: RunRecord["selectionMetrics"] = {}): Selections {
  return Object.fromEntries(
    stagesOf(config).map((stage) => {
      const { name } = settingsOfStage(config, stage).settings.select;
      return [stage, { name, ...(recorded[name] ?? factsOf(name)) }];
    }),
  );
}

/** Those of a run, whether or not its record exists yet. */
export function selectionsOfRun(run: string, config: RunConfig): Selections {
  return selectionsOf(config, existsSync(runPaths(run).record) ? readRecord(run).selectionMetrics : {});
}

/** What a run records about the selection metrics of its configuration, whose plug-ins are loaded. */
export function recordedMetrics(config: RunConfig): NonNullable<RunRecord["selectionMetrics"]> {
  return Object.fromEntries(Object.values(selectionsOf(config)).map(({ name, ...facts }) => [name, facts]));
}

/** A metric that is not known, because its plug-in is not loaded, goes by its plain name. */
function factsOf(name: string): Omit<SelectionMetric, "name"> {
  const metric = findComponent("metric", name);
  return { label: metric?.label ?? name, lowerIsBetter: metric?.lowerIsBetter === true };
}

/** The value of a selection metric with its sign changed if lower is better. */
export const higherIsBetter = (value: number, { lowerIsBetter }: SelectionMetric): number =>
  lowerIsBetter ? -value : value;

/**
 * The epoch whose weights a stage kept: the best by its metric, or the one with the lower loss among equals. If the metric is
 * undefined, the loss decides, as in training.
 * @param rows of one stage, in order   @returns undefined without rows
 */
export function chosenEpoch(rows: readonly TrainingRow[], metric: SelectionMetric): TrainingRow | undefined {
  const scoreOf = (row: TrainingRow) => {
    const score = higherIsBetter(row[selectionColumn(metric.name)] ?? NaN, metric);
    return Number.isFinite(score) ? score : -row.val_loss;
  };
  return rows.reduce<TrainingRow | undefined>((best, row) => {
    if (best === undefined) return row;
    const [score, highest] = [scoreOf(row), scoreOf(best)];
    return score > highest || (score === highest && row.val_loss < best.val_loss) ? row : best;
  }, undefined);
}
