/** The figures of a report about several models together. */
import { join } from "node:path";
import { writeFileAtomic } from "../../data/atomic.js";
import { makeFolder } from "../../data/make-folder.js";
import type { Analysis } from "../../evaluate/analysis/analysis.js";
import type { ModelDifference } from "../../evaluate/compare/models.js";
import type { ModelSummary } from "../../evaluate/summary.js";
import { precisionRecallFigure, rocFigure } from "./curves.js";
import type { Figure } from "./figure.js";
import { differenceFigure, forestFigure } from "./forest.js";
import { confusionFigure, reliabilityFigure } from "./model.js";
import { svgToPng } from "../../page/drawing.js";
import { subgroupFigure } from "./subgroups.js";

export interface JointScores extends Pick<Analysis, "curves" | "subgroups"> {
  test: ModelSummary[];
  differences: ModelDifference[];
}

/** Training curves and slices are in the report of each member. */
export function drawGroupFigures(
  { test, differences, curves, subgroups }: JointScores,
  mainModel: string,
): Promise<Figure[]> {
  const main = test.filter(({ model }) => model === mainModel);
  const informed = test.filter(({ model }) => model !== "majority");
  return Promise.all([
    forestFigure(test),
    ...(differences.length === 0 ? [] : [differenceFigure(differences)]),
    ...main.map(confusionFigure),
    rocFigure(informed, curves),
    ...(curves.length === 0 ? [] : [precisionRecallFigure(curves)]),
    reliabilityFigure(main),
    ...subgroups.map(subgroupFigure),
  ]);
}

/** Each as SVG and PNG. */
export async function writeFigures(folder: string, figures: readonly Figure[]): Promise<void> {
  makeFolder(folder);
  for (const { name, svg } of figures) {
    writeFileAtomic(join(folder, `${name}.svg`), svg);
    writeFileAtomic(join(folder, `${name}.png`), await svgToPng(svg));
  }
}
