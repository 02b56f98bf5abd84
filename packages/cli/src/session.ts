import type { Progress } from "@slicestack/pipeline";
import { Help, type Command } from "commander";
import { EXIT_MEANING, type ExitCode } from "./exit-codes.js";
import { asStarted } from "./shell.js";

/** What a command may use while it runs. */
export interface Session {
  signal: AbortSignal;
  /** The command line as typed, for the records of the run. */
  command: string;
  /** The same, word by word. */
  argv: readonly string[];
  onProgress: (progress: Progress) => void;
  /** A line for people, to stderr. */
  log: (line: string) => void;
  /** A part of the result as soon as it is known, to stdout: as text, or as a line of JSON where --json is given. */
  emit: (text: string, json: unknown) => void;
  /**
   * Sets the remedy after a system error (a full disk, a missing permission): what is kept, and the command that
   * resumes.
   */
  onFailure: (remedy: () => string) => void;
  /**
   * Silences this process because another one reports for all: no progress, no lines, no result; errors still go to
   * stderr.
   */
  hush: () => void;
}

/**
 * The result of a command: `text` goes to stdout, or `json` where --json is given and the command has one; `note` goes
 * to stderr.
 */
export interface Outcome {
  code: ExitCode;
  text: string;
  json: unknown;
  note?: string;
}

export interface CommonOptions {
  json?: boolean;
  verbose?: boolean;
}

export type Start = (options: CommonOptions, job: (session: Session) => Promise<Outcome>) => Promise<void>;

/**
 * Options that every command has, and the end of its help: examples, one per line, and exit codes. Notes are wrapped to
 * the terminal like the options.
 */
export function addCommon(
  command: Command,
  help: { example: string; codes: ExitCode[]; notes?: string },
): Command {
  const codes = help.codes.map((code) => `  ${String(code).padEnd(4)}${EXIT_MEANING[code]}`).join("\n");
  const examples = help.example.split("\n").map((line) => `  $ ${asStarted(line)}`);
  const end = `${examples.length > 1 ? "Examples" : "Example"}:\n${examples.join("\n")}\n\nExit codes:\n${codes}`;
  return command
    .option("--json", "write the result as JSON to stdout; everything else goes to stderr")
    .option("--verbose", "show the stack of an error")
    .addHelpText("after", () =>
      help.notes === undefined ? `\n${end}` : `\n${wrapped(asStarted(help.notes))}\n\n${end}`,
    );
}

const wrapped = (text: string): string =>
  new Help().boxWrap(text, process.stdout.isTTY ? process.stdout.columns : 80);
