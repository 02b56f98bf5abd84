import type { Command } from "commander";
import { EXIT, type ExitCode } from "../exit-codes.js";
import { addCommon, type Outcome, type CommonOptions, type Start } from "../session.js";

export function addDoctor(program: Command, start: Start): void {
  const command = program
    .command("doctor")
    .description("check libtorch, CPU, threads, memory, disk and GPUs, and say how to fix problems");
  addCommon(command, { example: "slicestack doctor", codes: [EXIT.ok, EXIT.unexpected, EXIT.engine] }).action(
    (options: CommonOptions) => start(options, runDoctor),
  );
}

async function runDoctor(): Promise<Outcome> {
  const { diagnose } = await import("@slicestack/pipeline");
  const { diagnosisText } = await import("@slicestack/pipeline/internal");
  const diagnosis = await diagnose();
  const code: ExitCode = !diagnosis.libtorchFound
    ? EXIT.engine
    : diagnosis.status === "fail"
      ? EXIT.unexpected
      : EXIT.ok;
  return { code, text: diagnosisText(diagnosis), json: diagnosis };
}
