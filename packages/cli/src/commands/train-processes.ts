/** `train --procs N`: this command once more, N times, as the processes of one training. */
import { Writable } from "node:stream";
import type { LaunchResult, World } from "@slicestack/pipeline";
import { EXIT, EXIT_MEANING, UsageError, type ExitCode } from "../exit-codes.js";
import type { CommonOptions, Outcome, Session } from "../session.js";
import type { Target, TargetFlags } from "./train-target.js";

/** @throws UsageError where somebody else has started several processes already */
export async function launchTraining(
  count: number,
  { out }: Target,
  { worldSize, starter }: World,
  flags: CommonOptions & TargetFlags,
  session: Session,
): Promise<Outcome> {
  if (worldSize > 1)
    throw new UsageError(`${starter} has started ${worldSize} processes of this training: leave --procs out`);
  const { launchProcesses } = await import("@slicestack/pipeline");
  const named = flags.out === undefined && flags.resume === undefined ? ["--out", out] : [];
  const args = [...process.execArgv, process.argv[1]!, ...session.argv, ...named];
  session.hush(); // rank 0 tells it
  const told = new Told();
  const stdout = flags.json === true ? { stdout: told } : {};
  const result = await launchProcesses(count, process.execPath, args, { ...stdout, signal: session.signal });
  const code = codeOf(result);
  if (told.text || code === EXIT.ok) return { code, text: "", json: undefined };
  return { code, text: "", json: { error: { name: "DistributedError", message: EXIT_MEANING[code], exitCode: code } } };
}

/** What rank 0 gives goes through to stdout; whether it gave any is kept in mind. */
class Told extends Writable {
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
