import type { Command } from "commander";
import type { Start } from "../../session.js";
import { addAdd } from "./add.js";
import { addAsk } from "./ask.js";
import { addCancel, addPause, addPriority, addResume } from "./control.js";
import { addImportSweep } from "./import.js";
import { addPlanSweep } from "./plan.js";
import { addResults } from "./results.js";
import { addRun } from "./run.js";
import { addStatus } from "./status.js";
import { addTell } from "./tell.js";
import { addTrial } from "./trial.js";

/** The commands of a sweep, one file each. */
export function addSweep(program: Command, start: Start): void {
  const sweep = program
    .command("sweep")
    .description("search a space of configurations: many trainings, on this machine or on a cluster");
  const commands = [
    addPlanSweep,
    addRun,
    addStatus,
    addAdd,
    addPause,
    addResume,
    addCancel,
    addPriority,
    addAsk,
    addTell,
    addResults,
    addImportSweep,
    addTrial,
  ];
  for (const add of commands) add(sweep, start);
}
