import type { Command } from "commander";
import { EXIT } from "../../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Start } from "../../session.js";
import { addTarget, type SweepFlags } from "./target.js";

export function addPlanSweep(sweep: Command, start: Start): void {
  const command = sweep
    .command("plan")
    .description("list the trials of a sweep, and what each of them changes; writes nothing")
    .argument("<sweep>", "a sweep's file, or the folder of a sweep that has begun");
  addTarget(command);
  addCommon(command, {
    example: "slicestack sweep plan heads.yaml --data data/lidc",
    codes: [EXIT.ok, EXIT.usage, EXIT.data, EXIT.engine],
    notes: "Every point is checked, as it is before the first trial begins.",
  }).action((given: string, flags: PlanFlags) => start(flags, () => runPlan(given, flags)));
}

type PlanFlags = CommonOptions & SweepFlags;

async function runPlan(given: string, { data, out }: PlanFlags): Promise<Outcome> {
  const { planSweep } = await import("@slicestack/pipeline");
  const { sweepPlanText } = await import("@slicestack/pipeline/internal");
  const target = { ...(data === undefined ? {} : { data }), ...(out === undefined ? {} : { out }) };
  const plan = await planSweep(given, target);
  return { code: EXIT.ok, text: sweepPlanText(plan), json: plan };
}
