/** Which metric on val chose the epoch of each stage, and which epoch that was. */
import { stagesOf } from "../config/stages.js";
import type { OptimisationConfig, RunConfig } from "../config/types.js";
import type { TrainingRow } from "./training-rows.js";

export type Selection = OptimisationConfig["select"];

/** By stage: slice, volume, fine_tune. */
export type Selections = Readonly<Record<string, Selection>>;

/** How people call each metric, and where metrics.jsonl has it. */
const METRIC_OF: Record<Selection, { name: string; column: NumberColumn }> = {
  macro_f1: { name: "macro F1", column: "val_macro_f1" },
  balanced_accuracy: { name: "balanced accuracy", column: "val_balanced_accuracy" },
  auroc: { name: "AUROC", column: "val_auroc" },
  quadratic_kappa: { name: "QW kappa", column: "val_quadratic_kappa" },
  loss: { name: "loss", column: "val_loss" },
};

type NumberColumn = Exclude<keyof TrainingRow, "stage">;

export const selectionName = (select: Selection): string => METRIC_OF[select].name;
export const selectionColumn = (select: Selection): NumberColumn => METRIC_OF[select].column;

export function selectionsOf(config: RunConfig): Selections {
  const stages = { slice: config.slice, volume: config.volume, fine_tune: config.fineTune };
  return Object.fromEntries(stagesOf(config).map((stage) => [stage, stages[stage].select]));
}

/**
 * The epoch whose weights a stage kept: the best by its metric, of equal ones that with the lower loss; where the metric is
 * undefined the loss decides, as in training.
 * @param rows of one stage, in their order   @returns undefined without rows
 */
export function chosenEpoch(rows: readonly TrainingRow[], select: Selection): TrainingRow | undefined {
  const scoreOf = (row: TrainingRow) => {
    const value = row[selectionColumn(select)];
    return select !== "loss" && Number.isFinite(value) ? value : -row.val_loss;
  };
  return rows.reduce<TrainingRow | undefined>((best, row) => {
    if (best === undefined) return row;
    const [score, highest] = [scoreOf(row), scoreOf(best)];
    return score > highest || (score === highest && row.val_loss < best.val_loss) ? row : best;
  }, undefined);
}
