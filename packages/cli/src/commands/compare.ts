import type { MetricName } from "@slicestack/pipeline/internal";
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
    .description(
      "compare evaluated runs or groups on the same test subjects: paired tests, one table, one forest plot",
    )
    .argument("<run...>", "at least two run or group folders, each scored by slicestack evaluate")
    .option("--out <folder>", "folder for table, figure and page", "comparison")
    .option(
      "--model <name>",
      "the model of each run to compare, e.g. 2d_vote (default: the main model of the run)",
    )
    .option("--metric <name>", "metric whose differences are plotted", "balancedAccuracy");
  addCommon(command, {
    example: "slicestack compare runs/resnet18 runs/resnet50 --out comparison",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data],
    notes:
      "Runs whose test sets differ are refused, and the difference is named. Accuracy is tested by McNemar's exact test, the AUROC " +
      "of two classes by DeLong's test, everything else (and everything where subjects have several volumes) by the paired bootstrap over " +
      "subjects; p-values are adjusted by Holm's method over the pairs of a metric. Groups are compared by the ensemble of their " +
      "members; where they share the folds of a cross-validation, also fold by fold, with the corrected resampled t-test.",
  }).action((runs: string[], options: CompareOptions) =>
    start(options, (session) => runCompare(runs, options, session)),
  );
}

async function runCompare(runs: string[], options: CompareOptions, { command }: Session): Promise<Outcome> {
  const { compareRuns } = await import("@slicestack/pipeline");
  const { METRICS } = await import("@slicestack/pipeline/internal");
  if (runs.length < 2) throw new UsageError("compare needs at least two runs");
  const metric = METRICS.find((name): name is MetricName => name === options.metric);
  if (metric === undefined)
    throw new UsageError(`--metric: expected one of ${METRICS.join(", ")}, received ${options.metric}`);
  const model = options.model === undefined ? {} : { model: options.model };
  const { table, ...rest } = await compareRuns({ runs, out: options.out, metric, command, ...model });
  return { code: EXIT.ok, text: `${table}\nPage: ${shownPath(rest.page)}`, json: rest };
}
