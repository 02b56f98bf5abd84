import type { Command } from "commander";
import type { Start } from "../../session.js";
import { addTrial } from "./trial.js";

/** The commands of a sweep, one file each. */
export function addSweep(program: Command, start: Start): void {
  const sweep = program
    .command("sweep")
    .description("search a space of configurations: many trainings, on this machine or on a cluster");
  const commands = [addTrial];
  for (const add of commands) add(sweep, start);
}
