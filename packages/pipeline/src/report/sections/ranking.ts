/** How well the model ranks. */
import { html, type Html } from "../../page/html.js";
import type { ScoredInput } from "../report-input.js";
import { formatNumber } from "../../page/format.js";
import { figure, figuresOf, mainOf, metricTable } from "./shared.js";

export function ranking(input: ScoredInput): Html {
  const main = mainOf(input);
  const figures = figuresOf(input, "ranking").map(figure);
  if (main.baseRate === null) {
    const overall = `AUROC over all ${main.classes.length} classes: the mean of the areas of each class against the rest (macro one-vs-rest), and over pairs of classes (Hand and Till’s M), which does not depend on how many volumes each class has; classes that are absent do not count.`;
    return html`${figures}${metricTable(input, overall, ["auroc", "pairwiseAuroc"])}`;
  }
  const positive = input.task.classes[1]!;
  const caption = `Positive class ${positive}, base rate ${formatNumber(main.baseRate)}: the AUPRC of a random score. Predictive values hold for this base rate only.`;
  return html`${figures}${metricTable(input, caption, ["auroc", "auprc", "sensitivity", "specificity"])}${metricTable(input, `Predictive values at the decision threshold 0.5.`, ["ppv", "npv"])}`;
}
