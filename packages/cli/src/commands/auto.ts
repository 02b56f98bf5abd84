import type { AutoResult, DryRun } from "@slicestack/pipeline";
import { InvalidArgumentError, type Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { clock } from "../progress-view.js";
import { pathWord, shownPath } from "../shell.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { parseCount, parseDuration, parseSeed, parseSize } from "./numbers.js";
import { parseDepth } from "./prepare.js";

interface AutoFlags extends CommonOptions {
  labels?: string;
  size?: [number, number];
  depth?: number | "native";
  out: string;
  budget?: number;
  dryRun?: boolean;
  device?: string;
  threads?: number | "auto";
  seed?: number;
  allowLeaks?: boolean;
  overwrite?: boolean;
}

export function addAuto(program: Command, start: Start): void {
  const command = program
    .command("auto")
    .description(
      "from labelled scans to an evaluated model in one file: compares 2D, 2.5D and 3D, and reads the test set once",
    )
    .argument("<scans>", "folder of scans, a zip of DICOM, or a MedMNIST .npz, as for slicestack prepare")
    .option(
      "--labels <file>",
      "CSV with ids, labels and subjects (default: labels.csv in the source, else its class folders)",
    )
    .option("--size <height,width>", "size of a prepared slice, as for slicestack prepare", parseSize)
    .option(
      "--depth <slices>",
      "number of slices of a prepared volume, or native, as for slicestack prepare",
      parseDepth,
    )
    .requiredOption("--out <folder>", "folder for everything; the same command continues an earlier one")
    .option(
      "--budget <time>",
      "time for everything, e.g. 2h, 90m (default: as long as the full plan takes)",
      parseDuration,
    )
    .option("--dry-run", "show what will be done and how long each part takes; write nothing")
    .option("--device <device>", "auto, cpu, mps or cuda:N (default: auto)")
    .option("--threads <number>", "threads of the training, or auto (default: auto)", parseThreads)
    .option("--seed <number>", "seed of the split, the training and the intervals (default: 0)", parseSeed)
    .option(
      "--allow-leaks",
      "continue although the audit found one scan under two subjects, or another error",
    )
    .option("--overwrite", "start again: replace what an earlier call left in the folder");
  addCommon(command, {
    example:
      "slicestack auto scans --labels labels.csv --out auto/lung --budget 2h --dry-run\n" +
      "slicestack auto scans --labels labels.csv --out auto/lung --budget 2h",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
    notes:
      "After it was stopped or killed, the same command continues after the last finished step. See docs/how-to/auto.md.",
  }).action((scans: string, flags: AutoFlags) => start(flags, (session) => runAuto(scans, flags, session)));
}

async function runAuto(source: string, flags: AutoFlags, session: Session): Promise<Outcome> {
  const { json: _json, verbose: _verbose, dryRun = false, ...wishes } = flags;
  const { onProgress, signal, command, log: onLog } = session;
  const options = { source, ...wishes, onProgress, signal, command, onLog };
  const { auto, dryRunOfAuto } = await import("@slicestack/pipeline");
  if (dryRun) {
    const planned = await dryRunOfAuto(options);
    for (const warning of planned.warnings) session.log(`warning: ${warning}`);
    return { code: EXIT.ok, text: dryRunText(planned, flags.out), json: planned };
  }
  session.onFailure(() => "The finished steps are kept: the same command continues.");
  try {
    const { table, ...result } = await auto(options);
    return { code: EXIT.ok, text: `${table}\n${nextText(result)}`, json: result };
  } catch (error) {
    if (!signal.aborted) throw error;
    const note = "Stopped and saved. The same command continues.";
    return { code: EXIT.stopped, text: "", json: { folder: flags.out, status: "stopped" }, note };
  }
}

function dryRunText({ steps, seconds, reasons }: DryRun, out: string): string {
  const width = Math.max(...steps.map(({ step }) => step.length));
  const times = steps.map((one) => (one.done ? `${clock(one.seconds)} done` : `about ${clock(one.seconds)}`));
  const timeWidth = Math.max(...times.map((text) => text.length));
  const rows = steps.map(
    ({ step, what }, k) => `${step.padEnd(width)}  ${times[k]!.padEnd(timeWidth)}  ${what}`,
  );
  const left = steps.filter(({ done }) => !done).reduce((sum, one) => sum + one.seconds, 0);
  const total =
    left === seconds
      ? `About ${clock(seconds)} in all`
      : `About ${clock(left)} are left of ${clock(seconds)}`;
  return [
    ...rows,
    "",
    ...reasons,
    `${total}. Nothing was written; ${shownPath(out)} would hold everything.`,
  ].join("\n");
}

function nextText({ report, bundle }: Omit<AutoResult, "table">): string {
  return [
    `Report: ${shownPath(report)}`,
    `Bundle: ${shownPath(bundle)}`,
    "",
    "Next:",
    `  slicestack predict ${pathWord(bundle)} SCAN   # probabilities of a new scan`,
    `  slicestack serve ${pathWord(bundle)}   # the same over HTTP`,
  ].join("\n");
}

function parseThreads(text: string): number | "auto" {
  if (text === "auto") return text;
  try {
    return parseCount(text);
  } catch {
    throw new InvalidArgumentError("Expected a whole number, at least 1, or auto.");
  }
}
