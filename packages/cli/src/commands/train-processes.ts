/** `train --procs N`: starts this command N times, as the processes of one training. */
import { Writable } from "node:stream";
import type { World } from "@slicestack/pipeline";
import type { LaunchResult } from "@slicestack/pipeline/internal";
import { EXIT, EXIT_MEANING, UsageError, type ExitCode } from "../exit-codes.js";
import type { CommonOptions, Outcome, Session } from "../session.js";
import type { Target, TargetFlags } from "./train-target.js";

/** @throws UsageError where a launcher has already started several processes */
export async function launchTraining(
  count: number,
  { out }: Target,
  { worldSize, starter }: World,
  flags: CommonOptions & TargetFlags,
  session: Session,
): Promise<Outcome> {
  if (worldSize > 1)
    throw new UsageError(`${starter} has started ${worldSize} processes of this training: omit --procs`);
  const { launchProcesses } = await import("@slicestack/pipeline/internal");
  const named = flags.out === undefined && flags.resume === undefined ? ["--out", out] : [];
  const args = [...process.execArgv, process.argv[1]!, ...session.argv, ...named];
  session.hush(); // rank 0 prints it
  const output = new PassedOutput();
  const stdout = flags.json === true ? { stdout: output } : {};
  const result = await launchProcesses(count, process.execPath, args, { ...stdout, signal: session.signal });
  const code = codeOf(result);
  if (output.text || code === EXIT.ok) return { code, text: "", json: undefined };
  return {
    code,
    text: "",
    json: { error: { name: "DistributedError", message: EXIT_MEANING[code], exitCode: code } },
  };
}

/** Passes the output of rank 0 on to stdout, and remembers whether there was any. */
class PassedOutput extends Writable {
  text = false;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text = true;
    process.stdout.write(chunk, () => done());
  }
}

function codeOf({ exitCode, failed }: LaunchResult): ExitCode {
  if (failed !== null && failed.signal !== null) return EXIT.peer;
  const known = Object.values(EXIT).find((code) => code === exitCode);
  return known ?? (failed === null ? EXIT.unexpected : EXIT.peer);
}
