import { readFileSync } from "node:fs";
import { Command, Help, type HelpConfiguration } from "commander";
import { addAblate } from "./commands/ablate.js";
import { addLearningCurve } from "./commands/learning-curve.js";
import { addAuto } from "./commands/auto.js";
import { addAudit } from "./commands/audit.js";
import { addCache } from "./commands/cache.js";
import { addWeights } from "./commands/weights.js";
import { addClock } from "./commands/clock.js";
import { addCompare } from "./commands/compare.js";
import { addDemo } from "./commands/demo.js";
import { addDoctor } from "./commands/doctor.js";
import { addEvaluate } from "./commands/evaluate.js";
import { addImport } from "./commands/import.js";
import { addExport } from "./commands/export.js";
import { addExplain } from "./commands/explain.js";
import { addInspect } from "./commands/inspect.js";
import { addMerge } from "./commands/merge.js";
import { addModels } from "./commands/models.js";
import { addPlan } from "./commands/plan.js";
import { addPredict } from "./commands/predict.js";
import { addPrepare } from "./commands/prepare.js";
import { addRuns } from "./commands/runs.js";
import { addServe } from "./commands/serve.js";
import { addSlices } from "./commands/slices.js";
import { addSplit } from "./commands/split.js";
import { addSweep } from "./commands/sweep/index.js";
import { addTrain } from "./commands/train.js";
import { addView } from "./commands/view.js";
import { addVerify } from "./commands/verify.js";
import type { Start } from "./session.js";
import { asStarted } from "./shell.js";

/** All commands. The pipeline is loaded only when a command starts, so help is fast and needs no libtorch. */
export function buildProgram(start: Start): Command {
  const program = new Command("slicestack")
    .description("Honest 2.5D classification of CT volumes, from scans to report")
    .version(packageVersion(), "-V, --version")
    .showHelpAfterError(`(${asStarted("slicestack help COMMAND")} lists its options)`)
    .configureHelp(asTyped)
    .exitOverride();
  program.addHelpText("after", `\nExample:\n  $ ${asStarted("slicestack demo")}`);
  const commands = [
    addDemo,
    addAuto,
    addPrepare,
    addMerge,
    addSplit,
    addAudit,
    addInspect,
    addSlices,
    addPlan,
    addTrain,
    addAblate,
    addLearningCurve,
    addSweep,
    addEvaluate,
    addCompare,
    addRuns,
    addVerify,
    addImport,
    addPredict,
    addServe,
    addView,
    addExplain,
    addExport,
    addModels,
    addCache,
    addWeights,
    addClock,
    addDoctor,
  ];
  for (const add of commands) add(program, start);
  return program;
}

const plain = new Help();

/**
 * Shows commands the way this program was started; the list of commands is narrow enough for descriptions beside it.
 */
const asTyped: HelpConfiguration = {
  commandUsage: (command) => asStarted(plain.commandUsage(command)),
  argumentDescription: (argument) => asStarted(plain.argumentDescription(argument)),
  optionDescription: (option) => asStarted(plain.optionDescription(option)),
  subcommandTerm: (command) => command.name(),
};

function packageVersion(): string {
  // The path is the same from dist/src and from the installed package.
  const record: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof record === "object" && record !== null && "version" in record
    ? String(record.version)
    : "unknown";
}
