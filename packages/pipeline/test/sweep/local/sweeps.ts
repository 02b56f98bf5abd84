/** Sweeps of stand-in trials, for tests of the local runner. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configToYaml } from "../../../src/config/to-yaml.js";
import { runSweep, type RunSweepOptions, type RunSweepResult } from "../../../src/sweep/local/run-sweep.js";
import { tinyConfig } from "../../train/support.js";

export const STAND_IN = [process.execPath, join(import.meta.dirname, "stand-in.js")];

/** Writes a sweep's file. @param body YAML after its name, configuration and objective   @returns its path and its folder */
export function sweepFile(folder: string, name: string, body: string): { file: string; out: string } {
  writeFileSync(join(folder, "base.yaml"), configToYaml(tinyConfig()));
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, `name: ${name}\nconfig: base.yaml\nobjective: accuracy\n${body}`);
  return { file, out: join(folder, name) };
}

export function run(sweep: string, more: Partial<RunSweepOptions> = {}): Promise<RunSweepResult> {
  return runSweep({ sweep, program: STAND_IN, ...more });
}

/** What the stand-ins wrote: "000003 begin". */
export function eventsOf(out: string): string[] {
  const file = join(out, "events");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}
