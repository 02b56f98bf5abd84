/** The score on val beside the score on test. */
import type { MetricName } from "@slicestack/stats";
import { colourOf, drawSvg } from "../../page/drawing.js";
import type { ProtocolRow } from "../../evaluate/analysis/protocols.js";
import { formatEstimate, formatSigned } from "../../page/format.js";
import { METRIC_NAMES, modelName, SHORT_NAMES } from "../../evaluate/metric-names.js";
import type { Figure } from "./figure.js";
import { forestPanel, type ForestRow } from "./forest.js";

export async function protocolFigure(rows: readonly ProtocolRow[]): Promise<Figure> {
  const names = Object.keys(rows[0]!.clean) as MetricName[];
  const panels = names.map((name, i) => {
    const lines = rows.flatMap(({ model, paper, clean }): ForestRow[] => [
      { label: `${modelName(model)}, paper`, estimate: paper[name]!, colour: colourOf(model), hollow: true },
      { label: `${modelName(model)}, clean`, estimate: clean[name]!, colour: colourOf(model) },
    ]);
    const low = Math.min(0, ...lines.map(({ estimate }) => estimate.interval.low).filter(Number.isFinite));
    return forestPanel(SHORT_NAMES[name] ?? METRIC_NAMES[name], lines, [low, 1], undefined, i % 2 === 0);
  });
  const optimismTexts = rows.map(
    ({ model, optimism }) =>
      `${modelName(model)}: ${names.map((name) => `${SHORT_NAMES[name] ?? name} ${formatEstimate(optimism[name]!, formatSigned)}`).join(", ")}`,
  );
  return {
    name: "protocols",
    group: "protocols",
    caption: "Each model by both protocols. Paper (hollow): chosen and scored on val. Clean: scored on test.",
    svg: await drawSvg(
      { columns: 2, spacing: { row: 30, column: 36 }, concat: panels },
      {
        title: "Paper and clean protocol",
        description: `Optimism, paper minus clean. ${optimismTexts.join("; ")}.`,
      },
    ),
  };
}
