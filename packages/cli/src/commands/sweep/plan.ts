import type { Command } from "commander";
import { EXIT } from "../../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../../session.js";
import { addTarget, type SweepFlags } from "./target.js";

export function addPlanSweep(sweep: Command, start: Start): void {
  const command = sweep
    .command("plan")
    .description("list the trials of a sweep, what each changes, and the time they need; writes nothing")
    .argument(
      "<sweep>",
      "a sweep's file, its folder once it has been started, or a folder of YAML files with a point each",
    );
  addTarget(command).option("--no-time", "do not measure the speed of this machine, and estimate no time");
  addCommon(command, {
    example: "slicestack sweep plan heads.yaml --data data/lidc",
    codes: [EXIT.ok, EXIT.usage, EXIT.data, EXIT.engine],
    notes:
      "Every point is checked, as it is before the first trial starts. With a data set, the speed of this machine is measured, which takes a few seconds.",
  }).action((given: string, flags: PlanFlags) => start(flags, (session) => runPlan(given, flags, session)));
}

interface PlanFlags extends CommonOptions, SweepFlags {
  time: boolean;
}

async function runPlan(given: string, { data, out, time }: PlanFlags, session: Session): Promise<Outcome> {
  const { planSweep } = await import("@slicestack/pipeline");
  const { sweepPlanText } = await import("@slicestack/pipeline/internal");
  const { onProgress, signal } = session;
  const target = { ...(data === undefined ? {} : { data }), ...(out === undefined ? {} : { out }) };
  const plan = await planSweep(given, { ...target, time, onProgress, signal });
  return { code: EXIT.ok, text: sweepPlanText(plan), json: plan };
}
