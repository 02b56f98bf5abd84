/** The sweep of the slice count threshold on val. */
import { drawSvg, INK, PALETTE } from "../../page/drawing.js";
import type { VoteReport } from "../../evaluate/analysis/slice-votes.js";
import { formatNumber } from "../../page/format.js";
import { curves, share } from "./axes.js";
import type { Figure } from "./figure.js";

export async function voteFigure({ steps, best, slices, volumes }: VoteReport): Promise<Figure> {
  const at = (of: (step: VoteReport["steps"][number]) => number) =>
    steps.map((step) => ({ x: step.threshold.numerator, y: of(step) }));
  const x = {
    field: "x",
    type: "quantitative",
    title: `slices needed, of ${slices}`,
    scale: { domain: [0, slices], nice: false },
    axis: { tickMinStep: 1, format: "d" },
  };
  const y = share("y", "on val");
  const chosen = steps[best.numerator]!;
  const namedCurves = [
    { name: "accuracy", colour: PALETTE.grey, points: at((step) => step.accuracy) },
    { name: "macro F1", colour: "#B0A080", points: at((step) => step.macroF1) },
    { name: "balanced accuracy", colour: INK, points: at((step) => step.balancedAccuracy) },
  ];
  return {
    name: "vote_sweep",
    group: "votes",
    caption: `Count vote on the ${volumes} validation volumes at every threshold; the dashed line is the threshold chosen by balanced accuracy, ${best.numerator} of ${slices}. The test part is not used here.`,
    svg: await drawSvg(
      {
        width: 420,
        height: 220,
        layer: [
          {
            data: { values: [{ x: best.numerator }] },
            mark: { type: "rule", stroke: INK, strokeDash: [4, 4], strokeOpacity: 0.6 },
            encoding: { x },
          },
          curves(namedCurves, x, y, null),
        ],
      },
      {
        title: "Sweep of the slice count threshold",
        description: `Score of the count vote on val by the slices needed, 0 to ${slices}. Chosen: ${best.numerator}, balanced accuracy ${formatNumber(chosen.balancedAccuracy)}, accuracy ${formatNumber(chosen.accuracy)}, macro F1 ${formatNumber(chosen.macroF1)}.`,
      },
    ),
  };
}
