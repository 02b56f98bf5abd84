import type { Progress } from "@slicestack/pipeline";
import { CommanderError } from "commander";
import { EXIT, exitCodeOf, UsageError, type ExitCode } from "./exit-codes.js";
import { rewriteOverrides } from "./overrides.js";
import { buildProgram } from "./program.js";
import { createProgressView, silentView, type ProgressView } from "./progress-view.js";
import type { CommonOptions, Outcome, Session } from "./session.js";
import { printable, printableJson } from "./printable.js";
import { asStarted, shellWord } from "./shell.js";
import { StopSignals } from "./stop-signals.js";

/** Runs one command line, given without the program's name, and returns its exit code. */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  quietOnClosedPipe();
  let code: ExitCode = EXIT.ok;
  const program = buildProgram(async (options, job) => {
    code = await runJob(argv, options, job);
  });
  if (argv.length === 0) {
    program.outputHelp();
    return EXIT.ok;
  }
  try {
    await program.parseAsync(rewriteOverrides(argv), { from: "user" });
    return code;
  } catch (error) {
    // Help and version end here with code 0; commander has already written its output.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return fail(error, { json: argv.includes("--json"), verbose: argv.includes("--verbose") }, argv);
  }
}

async function runJob(
  argv: readonly string[],
  options: CommonOptions,
  job: (session: Session) => Promise<Outcome>,
): Promise<ExitCode> {
  let view: ProgressView = createProgressView(process.stderr);
  let hushed = false;
  let howToResume = () => "What was written so far is complete: run the same command again.";
  const stop = new StopSignals({
    source: process,
    onFirst: () => view.log("stopping after this step; press again to quit at once"),
    onSecond: () => {
      view.close();
      process.exit(EXIT.stopped);
    },
  });
  const session: Session = {
    signal: stop.signal,
    command: ["slicestack", ...argv].map(shellWord).join(" "),
    argv,
    onProgress: (progress) => view.report(shownProgress(progress)),
    log: (line) => view.log(shown(line)),
    emit: (text, json) => {
      const line = options.json ? printableJson(json) : shown(text);
      view.aside(() => process.stdout.write(`${line}\n`));
    },
    onFailure: (remedy) => (howToResume = remedy),
    hush: () => {
      view.close();
      [view, hushed] = [silentView, true];
    },
  };
  try {
    const { onNotice } = await import("@slicestack/pipeline/internal/notices");
    onNotice((text) => view.log(shown(text)));
    const { code, text, json, note } = await job(session);
    view.close();
    if (note !== undefined) view.log(shown(note));
    if (options.json && json !== undefined) process.stdout.write(`${printableJson(json)}\n`);
    else if (!options.json && text !== "") process.stdout.write(`${shown(text)}\n`);
    return code;
  } catch (error) {
    view.close();
    return fail(await inWords(error, howToResume()), hushed ? { ...options, json: false } : options, argv);
  } finally {
    stop.close();
  }
}

/** A system error as a message with its path, what is kept and what to do. */
async function inWords(error: unknown, howToResume: string): Promise<unknown> {
  try {
    const { explained } = await import("@slicestack/pipeline/internal");
    return explained(error, howToResume);
  } catch {
    // The limit of open files is so low that the pipeline itself cannot be loaded.
    const isLimit = error instanceof Error && "code" in error && error.code === "EMFILE";
    return isLimit
      ? new UsageError("this process may open too few files (EMFILE). Raise the limit: ulimit -n 4096")
      : error;
  }
}

/** One clear message to stderr; the stack only with --verbose. */
function fail(error: unknown, options: CommonOptions, argv: readonly string[]): ExitCode {
  const code = exitCodeOf(error);
  const command = argv.find((argument) => !argument.startsWith("-")) ?? "";
  const message = code === EXIT.stopped ? "stopped; the same command starts it again" : messageOf(error);
  const stack = options.verbose && error instanceof Error && error.stack ? `\n${error.stack}` : "";
  process.stderr.write(`slicestack ${printable(command)}: ${shown(message)}${printable(stack)}\n`);
  if (code === EXIT.unexpected && !options.verbose)
    process.stderr.write("This was not expected: --verbose shows where it happened.\n");
  if (options.json) {
    const name = error instanceof Error ? error.name : "Error";
    process.stdout.write(`${printableJson({ error: { name, message, exitCode: code } })}\n`);
  }
  return code;
}

/** Text of the pipeline made printable, because it contains names from files. */
const shown = (text: string): string => printable(asStarted(text));

function shownProgress({ message, ...progress }: Progress): Progress {
  const shownMessage = message === undefined ? {} : { message: printable(message) };
  return { ...progress, ...shownMessage, stage: printable(progress.stage) };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * `slicestack … | head` ends without a stack when the reader is closed. Errors of stderr (a closed reader, a full disk)
 * must not end a training of hours, because its lines are only for people.
 */
function quietOnClosedPipe(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  process.stderr.on("error", () => undefined);
}
