import { Option, type Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";

interface EvaluateOptions extends CommonOptions {
  data?: string;
  protocol: "clean" | "paper";
  subgroup?: string[];
  baseline?: string[];
  images: boolean;
}

const collect = (text: string, before: string[] = []) => [...before, text];

export function addEvaluate(program: Command, start: Start): void {
  const command = program
    .command("evaluate")
    .description("score a run, or a group of runs and what they say together, on the test part and write the report")
    .argument("<run>", "run or group folder")
    .option("--data <folder>", "another prepared data set, all of it taken as test (default: the run's own)")
    .addOption(
      new Option(
        "--protocol <name>",
        "clean: chosen on val, scored on test. paper: chosen and scored on val, as published; test stays unread",
      )
        .choices(["clean", "paper"])
        .default("clean"),
    )
    .option(
      "--subgroup <column>",
      "column of subjects.csv whose groups are scored apart (repeatable; default: site, scanner, sex, age and the like)",
      collect,
    )
    .option("--baseline <column>", "column of numbers for a baseline without any slice (repeatable)", collect)
    .option("--no-images", "no picture of a scan in the report");
  addCommon(command, {
    example: "slicestack evaluate runs/lidc_nodules",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
    notes: "Each reading of the run's own test part goes into its ledger, test-reads.jsonl, and the report shows it.",
  }).action((run: string, options: EvaluateOptions) => start(options, (session) => runEvaluate(run, options, session)));
}

async function runEvaluate(run: string, options: EvaluateOptions, session: Session): Promise<Outcome> {
  const { evaluate, evaluateGroup, isGroup } = await import("@slicestack/pipeline");
  const { data, protocol, subgroup, baseline, images } = options;
  if (protocol === "paper" && data !== undefined)
    throw new UsageError("--protocol paper scores the run's own val part; it has no meaning with --data");
  const { onProgress, signal, command } = session;
  if (isGroup(run)) {
    const common = { ...(data === undefined ? {} : { data }), onProgress, signal, command };
    const { table, ...json } = await evaluateGroup({ group: run, ...common });
    return { code: EXIT.ok, text: `${table}\nReport: ${json.report}`, json };
  }
  const result = await evaluate({
    run,
    protocol,
    images,
    ...(data === undefined ? {} : { data }),
    ...(subgroup === undefined ? {} : { subgroups: subgroup }),
    ...(baseline === undefined ? {} : { baseline }),
    onProgress,
    signal,
    command,
  });
  const { report, metrics, cost } = result;
  return {
    code: EXIT.ok,
    text: `${result.table}\nReport: ${report}`,
    json: { run: result.run, report, metrics, cost },
  };
}
