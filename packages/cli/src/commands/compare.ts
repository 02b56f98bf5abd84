import type { MetricName } from "@slicestack/pipeline";
import type { Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { shownPath } from "../shell.js";

interface CompareOptions extends CommonOptions {
  out: string;
  model?: string;
  metric: string;
}

export function addCompare(program: Command, start: Start): void {
  const command = program
    .command("compare")
    .description("compare evaluated runs or groups on the same test subjects: paired tests, one table, one forest plot")
    .argument("<run...>", "run or group folders, two at least, each scored by slicestack evaluate")
    .option("--out <folder>", "where table, figure and page go", "comparison")
    .option("--model <name>", "the model of each run to compare, e.g. 2d_vote (default: what the run is about)")
    .option("--metric <name>", "metric whose differences are drawn", "balancedAccuracy");
  addCommon(command, {
    example: "slicestack compare runs/resnet18 runs/resnet50 --out comparison",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data],
    notes:
      "Runs whose test sets differ are refused, and the difference is named. Accuracy is tested by exact McNemar, the AUROC " +
      "of two classes by DeLong, all else (and all, where subjects have several volumes) by the paired bootstrap over " +
      "subjects; p-values are adjusted by Holm over the pairs of a metric. Groups are compared by what their members say " +
      "together; where they share the folds of a cross-validation, fold by fold too, by the corrected resampled t-test.",
  }).action((runs: string[], options: CompareOptions) => start(options, (session) => runCompare(runs, options, session))); // prettier-ignore
}

async function runCompare(runs: string[], options: CompareOptions, { command }: Session): Promise<Outcome> {
  const { compareRuns, METRICS } = await import("@slicestack/pipeline");
  if (runs.length < 2) throw new UsageError("compare needs two runs at least");
  const metric = METRICS.find((name): name is MetricName => name === options.metric);
  if (metric === undefined) throw new UsageError(`--metric: expected one of ${METRICS.join(", ")}, received ${options.metric}`); // prettier-ignore
  const model = options.model === undefined ? {} : { model: options.model };
  const { table, ...rest } = await compareRuns({ runs, out: options.out, metric, command, ...model });
  return { code: EXIT.ok, text: `${table}\nPage: ${shownPath(rest.page)}`, json: rest };
}
