import type { Command } from "commander";
import { EXIT } from "../../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Start } from "../../session.js";
import { shownPath } from "../../shell.js";
import { counted } from "../numbers.js";

interface ImportFlags extends CommonOptions {
  out: string;
  overwrite?: boolean;
}

export function addImportSweep(sweep: Command, start: Start): void {
  const command = sweep
    .command("import")
    .description("convert the published multiplexer's files into a sweep")
    .argument("<base>", "default.yaml: the configuration that all jobs share")
    .argument("<jobs>", "job_queue.txt, or the folder of override files (launch_configs)")
    .requiredOption("--out <file>", "the sweep's file to write")
    .option("--overwrite", "replace the file if it exists");
  addCommon(command, {
    example: "slicestack sweep import default.yaml job_queue.txt --out jobs.yaml",
    codes: [EXIT.ok, EXIT.usage, EXIT.data],
    notes:
      "A line of job_queue.txt is a command (python launch.py --config FILE --batch_size 32), pairs (batch_size=32 weighted=true), or the path of a YAML file.",
  }).action((base: string, jobs: string, flags: ImportFlags) =>
    start(flags, () => runImport(base, jobs, flags)),
  );
}

async function runImport(base: string, jobs: string, { out, overwrite }: ImportFlags): Promise<Outcome> {
  const { importSweep } = await import("@slicestack/pipeline");
  const result = await importSweep({ base, jobs, out, ...(overwrite === undefined ? {} : { overwrite }) });
  const { points, repeated } = result;
  const note =
    repeated.length === 0
      ? {}
      : { note: `Line ${repeated.join(", ")} repeats an earlier job and is left out.` };
  return {
    code: EXIT.ok,
    text: `${shownPath(out)}: ${counted(points.length, "point")}`,
    json: result,
    ...note,
  };
}
