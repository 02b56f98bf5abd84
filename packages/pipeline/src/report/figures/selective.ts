/** Risk by coverage. */
import { coloursOf, drawSvg } from "../../page/drawing.js";
import type { SelectiveReport } from "../../evaluate/analysis/selective.js";
import { formatEstimate } from "../../page/format.js";
import { modelName } from "../../evaluate/metric-names.js";
import { curves, share } from "./axes.js";
import type { Figure } from "./figure.js";

export async function riskCoverageFigure(reports: readonly SelectiveReport[]): Promise<Figure> {
  const top = Math.max(0.1, ...reports.flatMap(({ curve }) => curve.risk));
  const [x, y] = [
    share("x", "share answered"),
    share("y", "error rate", [0, Math.min(1, Math.ceil(10 * top) / 10)]),
  ];
  const colours = coloursOf(reports.map(({ model }) => model));
  const namedCurves = reports.map(({ model, curve }) => ({
    name: modelName(model),
    colour: colours.get(model)!,
    points: curve.coverage.map((at, k) => ({ x: at, y: curve.risk[k]! })),
  }));
  const riskTexts = reports.map(
    ({ model, at }) =>
      `${modelName(model)}: ${at.map(({ coverage, risk }) => `${formatEstimate(risk)} at ${Math.round(100 * coverage)} %`).join(", ")}`,
  );
  return {
    name: "risk_coverage",
    group: "selective",
    caption:
      "Error rate among the most certain volumes by the fraction that is answered. If confidence is informative, the curve rises from the left.",
    svg: await drawSvg(
      { width: 420, height: 220, layer: [curves(namedCurves, x, y, null)] },
      {
        title: "Risk-coverage curves",
        description: `Error rate by share answered. ${riskTexts.join("; ")}.`,
      },
    ),
  };
}
