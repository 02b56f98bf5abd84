/** All numbers of an evaluation: a function of its predictions, the same on every machine. */
import { analyse, type AnalysisInput } from "./analysis/analysis.js";
import { compareModels, type ModelDifference } from "./compare/models.js";
import type { MetricsFile } from "./metrics-file.js";
import type { SummaryOptions } from "./summary-options.js";
import type { Predictions } from "./predictions.js";
import { summarise } from "./summary.js";

export interface EvaluationInput extends Pick<
  AnalysisInput,
  "protocol" | "predictions" | "priors" | "kept" | "voters" | "evidence" | "columns"
> {
  run: MetricsFile["run"];
}

/** @throws the errors of analyse */
export function evaluationMetrics(input: EvaluationInput, statistics: SummaryOptions): MetricsFile {
  const { protocol, run, predictions } = input;
  const predictionsOn = (name: "val" | "test") => predictions.filter(({ part }) => part === name);
  const summaries = {
    val: summarise(predictionsOn("val"), statistics),
    test: summarise(predictionsOn("test"), statistics),
  };
  const { mainModel, labelsShuffled } = run;
  return {
    version: 2,
    protocol,
    run,
    ...summaries,
    differences: mainDifferences(predictionsOn(protocol === "clean" ? "test" : "val"), mainModel, statistics),
    ...analyse(
      { ...input, ownTest: run.external === null, summaries, mainModel, labelsShuffled },
      statistics,
    ),
  };
}

/** Differences of the main model from the models that it should beat. */
function mainDifferences(
  all: readonly Predictions[],
  mainModel: string,
  options: SummaryOptions,
): ModelDifference[] {
  const predictionsOf = (model: string) => all.find((predictions) => predictions.model === model);
  const main = predictionsOf(mainModel);
  return ["2d_vote", "2d_count", "2.5d_frozen", "shortcut"].flatMap((model) => {
    const other = model === mainModel ? undefined : predictionsOf(model);
    return main === undefined || other === undefined ? [] : [compareModels(main, other, options)];
  });
}
