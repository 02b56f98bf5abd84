import type { Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { parseDuration } from "./numbers.js";

interface PlanFlags extends CommonOptions {
  budget?: number;
  device?: string;
  out?: string;
  overwrite?: boolean;
}

export function addPlan(program: Command, start: Start): void {
  const command = program
    .command("plan")
    .description(
      "write a complete configuration for a data set on this machine, with the reason for each choice",
    )
    .argument("<data>", "prepared data set")
    .option("--budget <time>", "time that training may take, e.g. 1h, 90m", parseDuration)
    .option("--device <device>", "auto, cpu, mps or cuda:N (default: auto)")
    .option("--out <file>", "also write the configuration to this file")
    .option("--overwrite", "replace the file if it exists");
  addCommon(command, {
    example: "slicestack plan data/mosmed --budget 1h --out mosmed.yaml",
    codes: [EXIT.ok, EXIT.usage, EXIT.data, EXIT.engine],
    notes:
      "The speed of the machine is measured first, which takes a few seconds. slicestack train --config auto plans and trains.",
  }).action((data: string, flags: PlanFlags) => start(flags, (session) => runPlan(data, flags, session)));
}

async function runPlan(data: string, flags: PlanFlags, session: Session): Promise<Outcome> {
  const { plan } = await import("@slicestack/pipeline");
  const { refuseExistingFile, writeFileAtomic } = await import("@slicestack/pipeline/internal");
  const { budget, device, out, overwrite = false } = flags;
  if (out !== undefined) refuseExistingFile(out, overwrite);
  const { onProgress, signal } = session;
  const given = { ...(budget === undefined ? {} : { budget }), ...(device === undefined ? {} : { device }) };
  const { yaml, config: _, ...rest } = await plan({ data, ...given, onProgress, signal });
  if (out !== undefined) writeFileAtomic(out, yaml);
  for (const warning of rest.warnings) session.log(`warning: ${warning}`);
  return { code: EXIT.ok, text: yaml.trimEnd(), json: { ...rest, yaml } };
}
