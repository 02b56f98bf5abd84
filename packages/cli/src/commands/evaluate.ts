import type { Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";

interface EvaluateOptions extends CommonOptions {
  data?: string;
}

export function addEvaluate(program: Command, start: Start): void {
  const command = program
    .command("evaluate")
    .description("score a run, or a group of runs and what they say together, on the test part and write the report")
    .argument("<run>", "run or group folder")
    .option("--data <folder>", "another prepared data set, all of it taken as test (default: the run's own)");
  addCommon(command, {
    example: "slicestack evaluate runs/lidc_nodules",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
  }).action((run: string, options: EvaluateOptions) => start(options, (session) => runEvaluate(run, options, session)));
}

async function runEvaluate(run: string, options: EvaluateOptions, session: Session): Promise<Outcome> {
  const { evaluate, evaluateGroup, isGroup } = await import("@slicestack/pipeline");
  const { onProgress, signal, command } = session;
  const common = { ...(options.data === undefined ? {} : { data: options.data }), onProgress, signal, command };
  const result = isGroup(run) ? await evaluateGroup({ group: run, ...common }) : await evaluate({ run, ...common });
  const { table, ...json } = result;
  return { code: EXIT.ok, text: `${table}\nReport: ${result.report}`, json };
}
