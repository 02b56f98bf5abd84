import { Option, type Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { shellWord, shownPath } from "../shell.js";
import { parseCount } from "./numbers.js";

interface AblateFlags extends CommonOptions {
  data: string;
  out: string;
  part: "val" | "test";
  jobs?: number;
}

export function addAblate(program: Command, start: Start): void {
  const command = program
    .command("ablate")
    .description(
      "train variants of a configuration under one split and the same seeds, and compare them in one table",
    )
    .argument("<file>", "the ablation: shared configuration, variants, seeds (docs/how-to/ablate.md)")
    .requiredOption("--data <folder>", "prepared data set; its split, or all of its folds, are used")
    .requiredOption("--out <folder>", "folder of runs and tables; the same command resumes where it stopped")
    .addOption(
      new Option("--part <part>", "part to score: choose on val, read test once")
        .choices(["val", "test"])
        .default("val"),
    )
    .option(
      "--jobs <number>",
      "most trainings at the same time, each as a process (default: one after another in this process)",
      parseCount,
    );
  addCommon(command, {
    example: "slicestack ablate nodules.yaml --data data/nodules --out runs/nodules",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
  }).action((file: string, flags: AblateFlags) => start(flags, (session) => runAblate(file, flags, session)));
}

async function runAblate(
  file: string,
  { data, out, part, jobs }: AblateFlags,
  session: Session,
): Promise<Outcome> {
  const { ablate } = await import("@slicestack/pipeline");
  const { onProgress, signal, command, log } = session;
  session.onFailure(() => "The trained runs are kept: the same command resumes.");
  const options = { file, data, out, part, onProgress, signal, command, onLog: log };
  const result = await ablate({ ...options, ...(jobs === undefined ? {} : { jobs }) });
  if (result.status === "stopped") {
    const more = jobs === undefined ? [] : ["--jobs", String(jobs)];
    const note = `Stopped and saved. To resume: slicestack ablate ${[file, "--data", data, "--out", out, "--part", part, ...more].map(shellWord).join(" ")}`;
    return { code: EXIT.stopped, text: "", json: result, note };
  }
  const { table, page } = result.files!;
  return {
    code: EXIT.ok,
    text: `${result.table}\n\nPage: ${shownPath(page)}\nTable: ${shownPath(table)}`,
    json: result,
  };
}
