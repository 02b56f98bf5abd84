import type { ExplainOptions } from "@slicestack/pipeline";
import { Option, type Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { collectPair } from "./class-pairs.js";
import { parseCount } from "./numbers.js";

interface ExplainFlags extends CommonOptions {
  data?: string;
  mapClasses?: Record<string, string>;
  allowPlugins?: boolean;
  id?: string[];
  out: string;
  part?: "train" | "val" | "test";
  count?: number;
  class?: string;
  maps: "gradcam" | "ig" | "both";
  layer?: string;
  baseline?: "air" | "mean";
  steps?: number;
  slices?: number;
  check: boolean;
}

export function addExplain(program: Command, start: Start): void {
  const command = program
    .command("explain")
    .description(
      "explain the predictions of a run: maps on the scans, important slices, and tests of the maps",
    )
    .argument(
      "<run>",
      "folder of a run or a group, or file of a bundle, which needs --data; the maps of several models are averaged",
    )
    .requiredOption("--out <folder>", "folder for maps, pictures and explain.json")
    .option("--data <folder>", "another prepared data set (default: that of the run)")
    .option(
      "--map-classes <theirs=ours>",
      "maps a class of that data set to a class of the task; repeatable",
      collectPair,
    )
    .option("--allow-plugins", "run the plug-ins in a bundle with your permissions")
    .option("--id <subject...>", "volumes by id, or all volumes of subjects (default: some of --part)")
    .addOption(
      new Option(
        "--part <part>",
        "part from which volumes are taken without --id (default: test; with --data: all)",
      ).choices(["train", "val", "test"]),
    )
    .option("--count <number>", "how many of them, spread over the classes (default: 10)", parseCount)
    .option("--class <name>", "explain this class (default: the predicted one of each volume)")
    .addOption(
      new Option("--maps <kind>", "Grad-CAM, integrated gradients, or both")
        .choices(["gradcam", "ig", "both"])
        .default("both"),
    )
    .option("--layer <name>", "layer of Grad-CAM (default: the last stage whose maps are at least 7 x 7)")
    .addOption(
      new Option("--baseline <kind>", "baseline of integrated gradients and deletion (default: air)").choices(
        ["air", "mean"],
      ),
    )
    .option(
      "--steps <number>",
      "number of points on the path of integrated gradients (default: 32)",
      parseCount,
    )
    .option("--slices <number>", "number of slices in each picture (default: 12)", parseCount)
    .option("--no-check", "skip deletion, insertion and random weights, which take most of the time");
  addCommon(command, {
    example: "slicestack explain runs/mosmed --id study_0255 --out explained",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
    notes:
      "There is a warning, in the text and in summary.warnings, for maps that are no better than a random order; the exit code is still 0.",
  }).action((run: string, options: ExplainFlags) =>
    start(options, (session) => runExplain(run, options, session)),
  );
}

async function runExplain(run: string, flags: ExplainFlags, session: Session): Promise<Outcome> {
  const { explain } = await import("@slicestack/pipeline");
  const { explainText } = await import("@slicestack/pipeline/internal");
  const { onProgress, signal, command } = session;
  const result = await explain({ run, ...optionsOf(flags), onProgress, signal, command });
  return { code: EXIT.ok, text: explainText(result), json: result };
}

function optionsOf(flags: ExplainFlags): Omit<ExplainOptions, "run"> {
  const { id, class: target, maps, json: _json, verbose: _verbose, ...rest } = flags;
  return {
    ...rest,
    ...(id === undefined ? {} : { ids: id }),
    ...(target === undefined ? {} : { target }),
    kinds: maps === "both" ? ["gradcam", "ig"] : [maps],
  };
}
