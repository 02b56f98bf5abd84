import type { Command } from "commander";
import { EXIT, UsageError } from "../../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Start } from "../../session.js";
import { counted } from "../numbers.js";
import { addTarget, collected, type SweepFlags } from "./target.js";

interface AddFlags extends CommonOptions, SweepFlags {
  point?: string[];
}

export function addAdd(sweep: Command, start: Start): void {
  const command = sweep
    .command("add")
    .description("append points to a sweep, even while it is running")
    .argument("<sweep>", "a sweep's file, or its folder")
    .argument("[points...]", "YAML files, each a point or a list of points; or folders of such files");
  addTarget(command);
  addCommon(command, {
    example: `slicestack sweep add runs/heads --point '{"slice.dropout": 0}'`,
    codes: [EXIT.ok, EXIT.usage, EXIT.data],
    notes:
      "A point that the sweep already has is not added again. The points are checked before any is added.",
  })
    .option("--point <json>", "a point as JSON or YAML: keys and their values (repeatable)", collected)
    .action((given: string, files: string[], flags: AddFlags) =>
      start(flags, () => runAdd(given, files, flags)),
    );
}

async function runAdd(given: string, files: string[], { point = [], ...target }: AddFlags): Promise<Outcome> {
  const { addPoints } = await import("@slicestack/pipeline");
  if (files.length + point.length === 0)
    throw new UsageError("expected points: a file, a folder, or --point");
  const added = await addPoints(given, { ...target, files, points: point });
  const fresh = added.filter(({ isNew }) => isNew);
  const lines = fresh.map(({ point: one }) => `${one.number}  ${JSON.stringify(one.settings)}`);
  const known = added.length - fresh.length;
  const note =
    known === 0
      ? {}
      : { note: `${counted(known, "point")} of these ${known === 1 ? "is" : "are"} in the sweep already.` };
  return {
    code: EXIT.ok,
    text: [`Added ${counted(fresh.length, "point")}.`, ...lines].join("\n"),
    json: {
      added: fresh.map((one) => one.point),
      known: added.filter(({ isNew }) => !isNew).map((one) => one.point),
    },
    ...note,
  };
}
