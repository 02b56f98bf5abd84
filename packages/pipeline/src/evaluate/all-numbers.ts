/** All numbers of an evaluation: a function of its predictions, the same on every machine. */
import { analyse, type AnalysisInput } from "./analysis/analysis.js";
import { compareModels, type ModelDifference } from "./compare/models.js";
import type { MetricsFile } from "./metrics-file.js";
import type { SummaryOptions } from "./summary-options.js";
import type { Predictions } from "./predictions.js";
import { summarise } from "./summary.js";

export interface NumbersInput extends Pick<
  AnalysisInput,
  "protocol" | "predictions" | "priors" | "voters" | "evidence" | "columns"
> {
  run: MetricsFile["run"];
}

/** @throws the errors of analyse */
export function allNumbers(input: NumbersInput, statistics: SummaryOptions): MetricsFile {
  const { protocol, run, predictions } = input;
  const of = (name: "val" | "test") => predictions.filter(({ part }) => part === name);
  const summaries = { val: summarise(of("val"), statistics), test: summarise(of("test"), statistics) };
  const { mainModel, labelsShuffled } = run;
  return {
    version: 2,
    protocol,
    run,
    ...summaries,
    differences: comparisons(of(protocol === "clean" ? "test" : "val"), mainModel, statistics),
    ...analyse({ ...input, ownTest: run.external === null, summaries, mainModel, labelsShuffled }, statistics),
  };
}

/** The main model against what it should beat. */
function comparisons(all: readonly Predictions[], mainModel: string, options: SummaryOptions): ModelDifference[] {
  const named = (model: string) => all.find((one) => one.model === model);
  const main = named(mainModel);
  return ["2d_vote", "2d_count", "2.5d_frozen", "shortcut"].flatMap((model) => {
    const other = model === mainModel ? undefined : named(model);
    return main === undefined || other === undefined ? [] : [compareModels(main, other, options)];
  });
}
