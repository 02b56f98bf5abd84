/** ROC and precision-recall curves with bands. */
import { colourOf, coloursOf, drawSvg, type Spec } from "../../page/drawing.js";
import type { ClassCurves } from "../../evaluate/analysis/curves.js";
import { formatEstimate, formatNumber } from "../../page/format.js";
import { modelName } from "../../evaluate/metric-names.js";
import type { ModelSummary } from "../../evaluate/summary.js";
import { bandArea, curves, dashed, share, type NamedCurve } from "./axes.js";
import type { Figure } from "./figure.js";

const SIZE = { width: 270, height: 270 };

/** All models, the main one with its band: one panel for two classes, otherwise one panel per class. */
export async function rocFigure(
  summaries: readonly ModelSummary[],
  main: readonly ClassCurves[],
): Promise<Figure> {
  const [x, y] = [share("x", "1 − specificity"), share("y", "sensitivity")];
  const chance = dashed([0, 0], [1, 1], x, y);
  const { classes } = summaries[0]!;
  const binary = classes.length === 2;
  const colours = coloursOf(summaries.map(({ model }) => model));
  const linesOf = (c: number, nameOf: (summary: ModelSummary) => string) =>
    summaries.flatMap((summary): NamedCurve[] => {
      const { curve } = summary.roc[c]!;
      if (curve.falsePositiveRate.length === 0) return [];
      const points = curve.falsePositiveRate.map((at, k) => ({ x: at, y: curve.truePositiveRate[k]! }));
      return [{ name: nameOf(summary), colour: colours.get(summary.model)!, points }];
    });
  const bandOf = (name: string) =>
    main.flatMap((entry) =>
      entry.class === name ? [bandArea(entry.rocBand, colours.get(entry.model)!, x, y)] : [],
    );
  const overall = (summary: ModelSummary) =>
    `${modelName(summary.model)}: ${formatNumber(summary.metrics.auroc.value)}`;
  const spec = binary
    ? { ...SIZE, layer: [chance, ...bandOf(classes[1]!), curves(linesOf(0, overall), x, y, "AUROC")] }
    : grid(
        classes.map((name, c) =>
          panel(`${name} against the rest`, [
            chance,
            ...bandOf(name),
            curves(linesOf(c, overall), x, y, "AUROC, mean over classes", undefined, "bottom"),
          ]),
        ),
      );
  const aurocTexts = summaries.map((entry) => {
    const perClass = entry.perClass.map(({ name, auroc }) => `${name} ${formatEstimate(auroc)}`).join(", ");
    return `${modelName(entry.model)} ${formatEstimate(entry.metrics.auroc)}${binary ? "" : ` (${perClass})`}`;
  });
  const what = binary
    ? `ROC curves, positive class ${classes[1]!}`
    : "ROC curves, each class against the rest";
  return {
    name: "roc",
    group: "ranking",
    caption: `${what}${bandText(main)}. The dashed diagonal is chance.`,
    svg: await drawSvg(spec, {
      title: binary ? "ROC curves" : "ROC curves by class",
      description: `Sensitivity against 1 minus specificity. AUROC: ${aurocTexts.join("; ") || "undefined, a class is absent"}.`,
    }),
  };
}

function bandText(main: readonly ClassCurves[]): string {
  if (main.length === 0) return "";
  return `; the band is the 95 % interval of ${modelName(main[0]!.model)} at each point separately`;
}

/** Precision against recall of the main model, one panel per class, with the base rate. */
export async function precisionRecallFigure(main: readonly ClassCurves[]): Promise<Figure> {
  const [x, y] = [share("x", "recall"), share("y", "precision")];
  const panels = main.map(({ class: name, model, precisionRecall: curve, precisionRecallBand }) => {
    const colour = colourOf(model);
    const points = curve.recall.map((at, k) => ({ x: at, y: curve.precision[k]! }));
    const rate = dashed([0, curve.baseRate], [1, curve.baseRate], x, y);
    return panel(`${name}: base rate ${formatNumber(curve.baseRate)}`, [
      rate,
      bandArea(precisionRecallBand, colour, x, y),
      line(points, colour, x, y, "step-before"),
    ]);
  });
  const classTexts = main.map(({ class: name, precisionRecall: curve }) => {
    const half = curve.recall.findIndex((recall) => recall >= 0.5);
    return `${name}: base rate ${formatNumber(curve.baseRate)}, precision ${formatNumber(curve.precision[half] ?? NaN)} at a recall of one half`;
  });
  return {
    name: "precision_recall",
    group: "ranking",
    caption: `Precision and recall of ${modelName(main[0]!.model)}${main.length > 1 ? ", each class against the rest" : ""}; bands are 95 % intervals at each point separately. The dashed line is the base rate, the precision of a random score.`,
    svg: await drawSvg(grid(panels), {
      title: "Precision-recall curves",
      description: `${classTexts.join("; ")}.`,
    }),
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
