/** From predictions to the numbers and figures of an evaluation: the same for a run and for a group of runs. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { BackgroundOptions } from "../background.js";
import type { RunConfig } from "../config/types.js";
import { writeFileAtomic } from "../data/atomic.js";
import { svgToPng } from "../page/drawing.js";
import { compareModels, type ModelDifference } from "./compare/models.js";
import { drawFigures } from "./figures/all.js";
import type { Figure } from "./figures/figure.js";
import type { SummaryOptions } from "./options.js";
import type { Predictions } from "./predictions.js";
import { summarise, type ModelSummary } from "./summary.js";
import type { TrainingRow } from "./training-rows.js";

/** What each method is about. */
export const MAIN: Record<RunConfig["method"], string> = { "2d": "2d_vote", "2.5d": "2.5d", "3d": "3d" };

export interface Scores {
  test: ModelSummary[];
  val: ModelSummary[];
  differences: ModelDifference[];
}

/** Every model on both parts, and the main one against what it must beat. */
export function scoresOf(
  all: readonly Predictions[],
  mainModel: string,
  options: SummaryOptions,
  onProgress?: BackgroundOptions["onProgress"],
): Scores {
  const of = (part: "val" | "test") => all.filter((one) => one.part === part);
  onProgress?.({ stage: "statistics", done: 0, total: 2, unit: "parts" });
  const [val, test] = [summarise(of("val"), options), summarise(of("test"), options)];
  onProgress?.({ stage: "statistics", done: 2, total: 2, unit: "parts" });
  return { test, val, differences: comparisons(of("test"), mainModel, options) };
}

function comparisons(test: readonly Predictions[], mainModel: string, options: SummaryOptions): ModelDifference[] {
  const named = (model: string) => test.find((one) => one.model === model);
  const main = named(mainModel);
  return ["2d_vote", "2.5d_frozen", "shortcut"].flatMap((model) => {
    const other = model === mainModel ? undefined : named(model);
    return main === undefined || other === undefined ? [] : [compareModels(main, other, options)];
  });
}

/** Draws the figures of a report, and writes each as SVG and PNG. */
export async function writeFigures(
  folder: string,
  { test, differences }: Scores,
  training: readonly TrainingRow[],
): Promise<Figure[]> {
  const figures = await drawFigures(test, differences, training);
  mkdirSync(folder, { recursive: true });
  for (const { name, svg } of figures) {
    writeFileAtomic(join(folder, `${name}.svg`), svg);
    writeFileAtomic(join(folder, `${name}.png`), await svgToPng(svg));
  }
  return figures;
}
