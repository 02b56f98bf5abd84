import type { Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";

interface EvaluateOptions extends CommonOptions {
  data?: string;
}

export function addEvaluate(program: Command, start: Start): void {
  const command = program
    .command("evaluate")
    .description("score a run on its test part and write its report")
    .argument("<run>", "run folder")
    .option("--data <folder>", "another prepared data set, all of it taken as test (default: the run's own)");
  addCommon(command, {
    example: "slicestack evaluate runs/lidc_nodules",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
  }).action((run: string, options: EvaluateOptions) => start(options, (session) => runEvaluate(run, options, session)));
}

async function runEvaluate(run: string, options: EvaluateOptions, session: Session): Promise<Outcome> {
  const { evaluate } = await import("@slicestack/pipeline");
  const data = options.data === undefined ? {} : { data: options.data };
  const { onProgress, signal, command } = session;
  const result = await evaluate({ run, ...data, onProgress, signal, command });
  const { report, metrics } = result;
  return { code: EXIT.ok, text: `${result.table}\nReport: ${report}`, json: { run: result.run, report, metrics } };
}
