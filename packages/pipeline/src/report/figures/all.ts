/** All figures of a report. */
import { COUNT_VOTE, type Analysis } from "../../evaluate/analysis/analysis.js";
import type { ModelDifference } from "../../evaluate/compare/models.js";
import type { ModelSummary } from "../../evaluate/summary.js";
import type { TrainingRow } from "../../run/training-rows.js";
import type { Selections } from "../../run/epoch-selection.js";
import { benefitFigure } from "./benefit.js";
import { precisionRecallFigure, rocFigure } from "./curves.js";
import type { Figure } from "./figure.js";
import { flowFigure, type Flow } from "./flow.js";
import { differenceFigure, forestFigure } from "./forest.js";
import { confusionFigure, correctedFigure, reliabilityFigure } from "./model.js";
import { protocolFigure } from "./protocols.js";
import { riskCoverageFigure } from "./selective.js";
import { subgroupFigure } from "./subgroups.js";
import { trainingFigure } from "./training.js";
import { voteFigure } from "./votes.js";

export interface FigureInput {
  summaries: readonly ModelSummary[];
  differences: readonly ModelDifference[];
  training: readonly TrainingRow[];
  /** The metric by which the epoch of each stage was chosen. */
  selections: Selections;
  analysis: Analysis;
  /** Of the volumes, if it is known. */
  flow?: Flow;
}

/** Draws all figures of a report that have something to show. */
export async function drawFigures({
  summaries,
  differences,
  training,
  selections,
  analysis,
  flow,
}: FigureInput): Promise<Figure[]> {
  const informed = summaries.filter(({ model }) => model !== "majority");
  const probable = informed.filter(({ model }) => model !== COUNT_VOTE);
  const { protocols, votes, curves, calibration, selective, decisionCurve, subgroups } = analysis;
  const figures: (Promise<Figure> | undefined)[] = [
    forestFigure(summaries),
    differences.length > 0 ? differenceFigure(differences) : undefined,
    protocols !== null && protocols.length > 0 ? protocolFigure(protocols) : undefined,
    ...informed.map(confusionFigure),
    rocFigure(informed, curves),
    curves.length > 0 ? precisionRecallFigure(curves) : undefined,
    votes === null ? undefined : voteFigure(votes),
    decisionCurve === null || curves.length === 0
      ? undefined
      : benefitFigure(curves[0]!.model, decisionCurve),
    reliabilityFigure(probable),
    calibration === null ? undefined : correctedFigure(calibration),
    selective.length > 0 ? riskCoverageFigure(selective) : undefined,
    ...subgroups.map(subgroupFigure),
    training.length > 0 ? trainingFigure(training, selections) : undefined,
  ];
  const drawn = await Promise.all(figures.filter((figure) => figure !== undefined));
  return flow === undefined ? drawn : [flowFigure(flow), ...drawn];
}
