/** Waits for a job that does what this command would do here: its output and its exit code become this command's. */
import type { JobFolder, Slurm, TaskOutcome } from "@slicestack/pipeline/internal";
import { EXIT, EXIT_MEANING, type ExitCode } from "../exit-codes.js";
import type { Outcome, Session } from "../session.js";
import { shownPath } from "../shell.js";
import type { SlurmFlags } from "./slurm-options.js";

/** @throws SlurmError where the job was lost */
export async function followCommand(
  slurm: Slurm,
  folder: JobFolder,
  flags: SlurmFlags,
  session: Session,
): Promise<Outcome> {
  const { FileTail, followTasks } = await import("@slicestack/pipeline/internal");
  let printed = "";
  const output = new FileTail(folder.log(0), (text) => {
    if (flags.json === true) printed += text;
    else process.stdout.write(text);
  });
  const errors = new FileTail(folder.log(0, "err"), (text) => process.stderr.write(text));
  const [ended] = await followTasks(slurm, folder, {
    ...following(flags, session),
    onTick: async () => {
      await errors.pump();
      await output.pump();
    },
  });
  const code = codeOf(ended!);
  if (flags.json !== true) return { code, text: "", json: undefined };
  // A job that was requeued prints an object for each start: the last one counts.
  const last = printed.split("\n").findLast((line) => line.startsWith("{"));
  const json: unknown = last === undefined ? { error: errorOf(code) } : JSON.parse(last);
  return { code, text: "", json };
}

const errorOf = (code: ExitCode) => ({ name: "SlurmError", message: EXIT_MEANING[code], exitCode: code });

/** What followTasks needs of a command. */
export function following({ poll }: SlurmFlags, { signal, log }: Session) {
  return { signal, onLog: log, ...(poll === undefined ? {} : { pollSeconds: poll }) };
}

export function codeOf({ code }: TaskOutcome): ExitCode {
  return Object.values(EXIT).find((known) => known === code) ?? EXIT.peer;
}

/** With --detach: what was submitted, and where its log is. */
export function submittedOutcome(job: number, folder: JobFolder): Outcome {
  const log = shownPath(folder.log(0, "err"));
  const text = `Submitted Slurm job ${job}; its log is ${log}\nNext: the same command follows it.`;
  return { code: EXIT.ok, text, json: { job, folder: folder.path } };
}
