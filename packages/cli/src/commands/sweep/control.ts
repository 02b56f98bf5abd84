/** sweep pause, resume, cancel and priority, which control a sweep from another terminal. */
import type { ControlResult } from "@slicestack/pipeline/internal";
import { Option, type Command } from "commander";
import { EXIT } from "../../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Start } from "../../session.js";
import { pathWord } from "../../shell.js";
import { parsePriority, parseTrial } from "./parse-arguments.js";
import { cancelOnSlurm, pauseOnSlurm, prioritiseOnSlurm, resumeOnSlurm } from "./control-slurm.js";

interface ControlFlags extends CommonOptions {
  out?: string;
}

const SWEEP = "the sweep's file, or its folder";
const OUT = "folder of the sweep, if it is not named in the file";
const codes = [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.peer];

export function addPause(sweep: Command, start: Start): void {
  const command = sweep
    .command("pause")
    .description("start no further trials of a sweep, or pause single trials")
    .argument("<sweep>", SWEEP)
    .argument("[trials...]", "numbers of trials (default: the whole sweep)", parseTrial)
    .option("--now", "also stop running trials, which save their state; sweep resume continues them")
    .option("--out <folder>", OUT);
  addCommon(command, { example: "slicestack sweep pause runs/heads --now", codes }).action(
    (file: string, trials: number[] | undefined, flags: ControlFlags & { now?: boolean }) =>
      start(flags, async () => {
        const { pauseSweep, runsOnSlurm } = await import("@slicestack/pipeline/internal");
        const target = given(file, trials, flags);
        if (runsOnSlurm(target)) return pauseOnSlurm({ trials: [], ...target, now: flags.now === true });
        const running = flags.now === true ? "stop" : "finish";
        const result = pauseSweep({ ...target, running });
        return outcome(
          result,
          isEmpty(trials) ? "The sweep is paused" : trialsText(result, "paused"),
          "resume",
        );
      }),
  );
}

export function addResume(sweep: Command, start: Start): void {
  const command = sweep
    .command("resume")
    .description("continue a paused sweep, or paused trials")
    .argument("<sweep>", SWEEP)
    .argument("[trials...]", "numbers of trials (default: the whole sweep)", parseTrial)
    .option("--out <folder>", OUT);
  addCommon(command, { example: "slicestack sweep resume runs/heads", codes }).action(
    (file: string, trials: number[] | undefined, flags: ControlFlags) =>
      start(flags, async () => {
        const { resumeSweep, runsOnSlurm } = await import("@slicestack/pipeline/internal");
        const target = given(file, trials, flags);
        if (runsOnSlurm(target)) return resumeOnSlurm({ trials: [], ...target });
        const result = resumeSweep(target);
        return outcome(
          result,
          isEmpty(trials) ? "The sweep continues" : trialsText(result, "waiting again"),
          "run",
        );
      }),
  );
}

export function addCancel(sweep: Command, start: Start): void {
  const command = sweep
    .command("cancel")
    .description("end a sweep, or single trials: running trials are asked to save and end")
    .argument("<sweep>", SWEEP)
    .argument("[trials...]", "numbers of trials (default: all that have not ended)", parseTrial)
    .addOption(
      new Option("--on <where>", "cancel the jobs of a cluster (default: where the sweep runs)").choices([
        "slurm",
      ]),
    )
    .option("--out <folder>", OUT);
  addCommon(command, { example: "slicestack sweep cancel runs/heads 12 13", codes }).action(
    (file: string, trials: number[] | undefined, flags: ControlFlags & { on?: "slurm" }) =>
      start(flags, async () => {
        const { cancelSweep, runsOnSlurm } = await import("@slicestack/pipeline/internal");
        const target = given(file, trials, flags);
        if (flags.on === "slurm" || runsOnSlurm(target)) return cancelOnSlurm({ trials: [], ...target });
        const result = await cancelSweep(target);
        return outcome(result, trialsText(result, "cancelled"), "status");
      }),
  );
}

export function addPriority(sweep: Command, start: Start): void {
  const command = sweep
    .command("priority")
    .description("change the order in which trials of a sweep start")
    .argument("<sweep>", SWEEP)
    .argument(
      "<priority>",
      "a number; trials with a higher number start sooner (the default is 0)",
      parsePriority,
    )
    .argument("<trials...>", "numbers of trials", parseTrial)
    .option("--out <folder>", OUT);
  addCommon(command, { example: "slicestack sweep priority runs/heads 5 40 41", codes }).action(
    (file: string, priority: number, trials: number[], flags: ControlFlags) =>
      start(flags, async () => {
        const { prioritiseTrials, runsOnSlurm } = await import("@slicestack/pipeline/internal");
        const target = given(file, trials, flags);
        if (runsOnSlurm(target)) return prioritiseOnSlurm({ trials, ...target });
        const result = prioritiseTrials({ ...target, priority });
        return outcome(result, trialsText(result, `given priority ${priority}`), "status");
      }),
  );
}

function given(sweep: string, trials: readonly number[] | undefined, { out }: ControlFlags) {
  return {
    sweep,
    ...(isEmpty(trials) ? {} : { trials: trials! }),
    ...(out === undefined ? {} : { out }),
  };
}

/** commander passes an empty list if no number was given. */
const isEmpty = (trials: readonly number[] | undefined): boolean =>
  trials === undefined || trials.length === 0;

const trialsText = ({ changed }: ControlResult, done: string): string =>
  `${changed} ${changed === 1 ? "trial is" : "trials are"} ${done}`;

function outcome(result: ControlResult, text: string, next: "resume" | "run" | "status"): Outcome {
  const { isRunning, folder } = result;
  const hint =
    next === "run" && isRunning ? "" : ` To ${HINTS[next]}: slicestack sweep ${next} ${pathWord(folder)}`;
  const note = isRunning || next === "run" ? "" : " No process is running the sweep.";
  return { code: EXIT.ok, text: `${text}.${note}${hint}`, json: result };
}

const HINTS = { resume: "resume", run: "run it", status: "see it" } as const;
