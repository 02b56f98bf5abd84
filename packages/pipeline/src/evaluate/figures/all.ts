/** All figures of a report. */
import type { Figure } from "./figure.js";
import { differenceFigure, forestFigure } from "./forest.js";
import { confusionFigure, reliabilityFigure, rocFigure } from "./model.js";
import { trainingFigure } from "./training.js";
import type { ModelDifference } from "../compare/models.js";
import type { ModelSummary } from "../summary.js";
import type { TrainingRow } from "../training-rows.js";

/** Draws all figures of a report; training curves only where there are rows. */
export async function drawFigures(
  summaries: readonly ModelSummary[],
  differences: readonly ModelDifference[],
  training: readonly TrainingRow[],
): Promise<Figure[]> {
  const informed = summaries.filter(({ model }) => model !== "majority");
  const figures: (Promise<Figure> | undefined)[] = [
    forestFigure(summaries),
    differences.length > 0 ? differenceFigure(differences) : undefined,
    ...informed.map(confusionFigure),
    rocFigure(informed),
    reliabilityFigure(informed),
    training.length > 0 ? trainingFigure(training) : undefined,
  ];
  return Promise.all(figures.filter((figure) => figure !== undefined));
}
