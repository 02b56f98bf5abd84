import type { Command } from "commander";
import { EXIT } from "../../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../../session.js";
import { parseCount } from "../numbers.js";
import { addTarget, collected, type SweepFlags } from "./target.js";

interface AskFlags extends CommonOptions, SweepFlags {
  count: number;
  point?: string[];
}

export function addAsk(sweep: Command, start: Start): void {
  const command = sweep
    .command("ask")
    .description("hand out trials to another program, which trains them and reports by tell")
    .argument("<sweep>", "a sweep's file, or its folder");
  addTarget(command);
  addCommon(command, {
    example: "slicestack sweep ask heads.yaml --data data/lidc --count 4 --json",
    codes: [EXIT.ok, EXIT.usage, EXIT.data],
    notes:
      "No trial is handed out twice, and sweep run refuses a sweep as long as another program has trials of it. With --point, the caller proposes the point and receives all of its trials. An empty list with isOver true means that the search is over.",
  })
    .option("--count <number>", "most trials to hand out", parseCount, 1)
    .option("--point <json>", "a point of your own, as JSON or YAML (repeatable)", collected)
    .action((given: string, flags: AskFlags) => start(flags, (session) => runAsk(given, flags, session)));
}

async function runAsk(
  given: string,
  { count, point = [], data, out }: AskFlags,
  session: Session,
): Promise<Outcome> {
  const { ask } = await import("@slicestack/pipeline");
  const target = { ...(data === undefined ? {} : { data }), ...(out === undefined ? {} : { out }) };
  const asked = await ask(given, { ...target, count, points: point, command: session.command });
  const lines = asked.trials.map(({ id, state, command }) => `${id}  ${state}  ${command}`);
  const text =
    lines.length > 0 ? lines.join("\n") : asked.isOver ? "The search is over." : "No trial is free now.";
  return { code: EXIT.ok, text, json: asked };
}
