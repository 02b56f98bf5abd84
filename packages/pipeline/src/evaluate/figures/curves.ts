/** ROC and precision-recall curves with bands. */
import { drawSvg, paletteOf, type Spec } from "../../page/drawing.js";
import type { ClassCurves } from "../analysis/curves.js";
import { formatEstimate, formatNumber, modelName } from "../report/tables.js";
import type { ModelSummary } from "../summary.js";
import { bandArea, curves, dashed, share, type NamedCurve } from "./axes.js";
import type { Figure } from "./figure.js";

const SIZE = { width: 270, height: 270 };

/** Two classes: all models, the main one with its band. More: a panel a class of the main model. */
export async function rocFigure(summaries: readonly ModelSummary[], main: readonly ClassCurves[]): Promise<Figure> {
  const [x, y] = [share("x", "1 − specificity"), share("y", "sensitivity")];
  const chance = dashed([0, 0], [1, 1], x, y);
  const last = summaries[summaries.length - 1]!;
  const binary = last.classes.length === 2;
  if (!binary) return classRoc(main, last, chance, x, y);
  const named = summaries.flatMap((summary, i): NamedCurve[] => {
    const { curve } = summary.roc[0]!;
    if (curve.falsePositiveRate.length === 0) return [];
    const points = curve.falsePositiveRate.map((at, k) => ({ x: at, y: curve.truePositiveRate[k]! }));
    const name = `${modelName(summary.model)}: ${formatNumber(summary.metrics.auroc.value)}`;
    return [{ name, colour: paletteOf(summary.model, i), points }];
  });
  const bands = main.map(({ rocBand, model }) => bandArea(rocBand, paletteOf(model, 0), x, y));
  const said = summaries.map((one) => `${modelName(one.model)} ${formatEstimate(one.metrics.auroc)}`);
  return {
    name: "roc",
    group: "ranking",
    caption: `ROC curves, positive class ${last.classes[1]!}${bandText(main)}. The dashed diagonal is chance.`,
    svg: await drawSvg(
      { ...SIZE, layer: [chance, ...bands, curves(named, x, y, "AUROC")] },
      {
        title: "ROC curves",
        description: `Sensitivity against 1 minus specificity. AUROC: ${said.join("; ") || "undefined, a class is absent"}.`,
      },
    ),
  };
}

function bandText(main: readonly ClassCurves[]): string {
  return main.length === 0 ? "" : `; the band is the 95 % interval of ${modelName(main[0]!.model)} at each point by itself`; // prettier-ignore
}

async function classRoc(
  main: readonly ClassCurves[],
  summary: ModelSummary,
  chance: Spec,
  x: Spec,
  y: Spec,
): Promise<Figure> {
  const area = (name: string) => summary.perClass.find((one) => one.name === name)!.auroc;
  const panels = main.map(({ class: name, roc, rocBand }, i) => {
    const colour = paletteOf(undefined, i);
    const points = roc.falsePositiveRate.map((at, k) => ({ x: at, y: roc.truePositiveRate[k]! }));
    return panel(`${name}: ${formatNumber(area(name).value)}`, [chance, bandArea(rocBand, colour, x, y), line(points, colour, x, y)]); // prettier-ignore
  });
  const said = main.map(({ class: name }) => `${name} ${formatEstimate(area(name))}`);
  return {
    name: "roc",
    group: "ranking",
    caption: `ROC curves of ${modelName(summary.model)}, each class against the rest, with its AUROC; bands are 95 % intervals at each point by itself. The dashed diagonal is chance.`,
    svg: await drawSvg(grid(panels), {
      title: "ROC curves by class",
      description: `Sensitivity against 1 minus specificity. AUROC: ${said.join("; ") || "undefined, a class is absent"}.`,
    }),
  };
}

/** Precision against recall of the main model, a panel a class, with the base rate. */
export async function precisionRecallFigure(main: readonly ClassCurves[]): Promise<Figure> {
  const [x, y] = [share("x", "recall"), share("y", "precision")];
  const panels = main.map(({ class: name, precisionRecall: curve, precisionRecallBand }, i) => {
    const colour = main.length === 1 ? paletteOf(main[0]!.model, 0) : paletteOf(undefined, i);
    const points = curve.recall.map((at, k) => ({ x: at, y: curve.precision[k]! }));
    const rate = dashed([0, curve.baseRate], [1, curve.baseRate], x, y);
    return panel(`${name}: base rate ${formatNumber(curve.baseRate)}`, [
      rate,
      bandArea(precisionRecallBand, colour, x, y),
      line(points, colour, x, y, "step-before"),
    ]);
  });
  const said = main.map(({ class: name, precisionRecall: curve }) => {
    const half = curve.recall.findIndex((recall) => recall >= 0.5);
    return `${name}: base rate ${formatNumber(curve.baseRate)}, precision ${formatNumber(curve.precision[half] ?? NaN)} at a recall of one half`;
  });
  return {
    name: "precision_recall",
    group: "ranking",
    caption: `Precision and recall of ${modelName(main[0]!.model)}${main.length > 1 ? ", each class against the rest" : ""}; bands are 95 % intervals at each point by itself. The dashed line is the base rate, the precision of a random score.`,
    svg: await drawSvg(grid(panels), { title: "Precision-recall curves", description: `${said.join("; ")}.` }),
  };
}

const panel = (title: string, layer: Spec[]): Spec => ({ title, width: 190, height: 190, layer });
const grid = (panels: Spec[]): Spec => ({ columns: 3, spacing: 30, concat: panels });

function line(points: readonly object[], colour: string, x: Spec, y: Spec, interpolate = "linear"): Spec {
  return {
    data: { values: points.map((point, k) => ({ ...point, k })) },
    mark: { type: "line", stroke: colour, strokeWidth: 2.25, interpolate },
    encoding: { x, y, order: { field: "k" } },
  };
}
