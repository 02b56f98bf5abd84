import { Option, type Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { shellWord, shownPath } from "../shell.js";
import { parseCount, parseShares } from "./numbers.js";

interface CurveFlags extends CommonOptions {
  data: string;
  out: string;
  part: "val" | "test";
  jobs?: number;
  shares?: number[];
  slicesOfAll?: boolean;
}

export function addLearningCurve(program: Command, start: Start): void {
  const command = program
    .command("learning-curve")
    .description(
      "train the variants of an ablation on 10, 25, 50 and 100 % of the labelled volumes, and plot how each improves",
    )
    .argument("<file>", "the ablation: shared configuration, variants, seeds (docs/how-to/ablate.md)")
    .requiredOption("--data <folder>", "prepared data set; its split, or all of its folds, are used")
    .requiredOption(
      "--out <folder>",
      "folder of runs and tables, also one of an ablation; the same command resumes where it stopped",
    )
    .addOption(
      new Option("--part <part>", "part to score: choose on val, read test once")
        .choices(["val", "test"])
        .default("val"),
    )
    .option(
      "--jobs <number>",
      "most trainings at the same time, each as a process (default: one after another in this process)",
      parseCount,
    )
    .option(
      "--shares <shares>",
      "shares of the labelled training subjects, each above 0 and at most 1 (default: 0.1,0.25,0.5,1)",
      parseShares,
    )
    .option(
      "--slices-of-all",
      "let smaller shares reuse the slice stage of the largest one: few labelled volumes, many labelled slices",
    );
  addCommon(command, {
    example: "slicestack learning-curve nodules.yaml --data data/nodules --out runs/nodules",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
  }).action((file: string, flags: CurveFlags) => start(flags, (session) => runCurve(file, flags, session)));
}

async function runCurve(file: string, flags: CurveFlags, session: Session): Promise<Outcome> {
  const { data, out, part, shares, slicesOfAll = false, jobs } = flags;
  const { learningCurve } = await import("@slicestack/pipeline");
  const { onProgress, signal, command, log } = session;
  session.onFailure(() => "The trained runs are kept: the same command resumes.");
  const options = { file, data, out, part, slicesOfAll, onProgress, signal, command, onLog: log };
  const chosen = { ...(shares === undefined ? {} : { shares }), ...(jobs === undefined ? {} : { jobs }) };
  const result = await learningCurve({ ...options, ...chosen });
  if (result.status === "stopped") {
    const more = [
      ...(shares === undefined ? [] : ["--shares", shares.join(",")]),
      ...(slicesOfAll ? ["--slices-of-all"] : []),
      ...(jobs === undefined ? [] : ["--jobs", String(jobs)]),
    ];
    const note = `Stopped and saved. To resume: slicestack learning-curve ${[file, "--data", data, "--out", out, "--part", part, ...more].map(shellWord).join(" ")}`;
    return { code: EXIT.stopped, text: "", json: result, note };
  }
  const { table, page } = result.files!;
  return {
    code: EXIT.ok,
    text: `${result.table}\n\nPage: ${shownPath(page)}\nTable: ${shownPath(table)}`,
    json: result,
  };
}
