/** Sweeps of stand-in trials on a test cluster: written, run by a process that can be killed, and what their trials did. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { CommandFolder } from "./command.js";
import { becomeOrdinaryUser, noSlurm, SlurmCluster } from "./slurm.js";
import { smallConfig, smallData } from "./small-data.js";

const controllerFile = join(import.meta.dirname, "slurm-controller.js");

/**
 * A folder with small data and a configuration, and a cluster of two nodes that is started before the tests of a file. Call
 * it before anything else, because the process becomes an ordinary user.
 * @param settings lines of slurm.conf in place of those with the same key
 */
export function sweepsOnSlurm(settings: readonly string[] = []) {
  becomeOrdinaryUser();
  let started: SlurmCluster | undefined;
  after(() => started?.stop()); // before its folder goes, which names the processes
  const work = new CommandFolder();
  const at = (...parts: string[]) => join(work.path, ...parts);
  before(async () => {
    if (noSlurm !== false) return;
    await smallData(work.path);
    writeFileSync(at("small.yaml"), smallConfig);
    started = await SlurmCluster.start(at("cluster"), 2, settings);
    Object.assign(work.options.env, started.env);
  });
  return { work, at, sweeps: new StandInSweeps(work), cluster: () => started! };
}

export interface Controlling {
  child: ChildProcess;
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

export class StandInSweeps {
  constructor(private readonly work: CommandFolder) {}

  private at(...parts: string[]): string {
    return join(this.work.path, ...parts);
  }

  /**
   * Writes NAME.yaml, a sweep over heads, so that all trials of a seed share their slice stage.
   * @param points name of each point, which says how its trials behave, and its head
   * @param sbatch YAML of options for the jobs   @param more YAML that comes after
   */
  write(name: string, points: Record<string, string>, { sbatch = "{}", more = "" } = {}): void {
    const listed = Object.entries(points).map(([point, head]) => `  ${point}: {head.model: ${head}}`);
    const slurm = `{poll: 0.5, stop_before: 10, attempts: 2, retry_after: 1, throttle: 3, sbatch: ${sbatch}}`;
    this.writeText(name, `points:\n${listed.join("\n")}\nslurm: ${slurm}\n${more}`);
  }

  /** @param text YAML after the sweep's name, configuration, data and objective */
  writeText(name: string, text: string): void {
    const common = `name: ${name}\nconfig: small.yaml\ndata: data\nout: ${name}\nobjective: accuracy\n`;
    writeFileSync(this.at(`${name}.yaml`), `${common}${text}`);
  }

  /** Runs a sweep until its end or that of the process; `ended` gives what it printed. */
  control(sweep: string, ...more: "--retry-failed"[]): Controlling {
    const child = spawn(process.execPath, [controllerFile, sweep, ...more], this.work.options);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
    const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
      child.on("close", (code) => resolve({ code, stdout, stderr })),
    );
    return { child, ended };
  }

  /** What the trials of a sweep did, in order: "begin train 3". */
  events(sweep: string): string[] {
    const file = this.at(sweep, "events");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  }

  count(sweep: string, event: string): number {
    return this.events(sweep).filter((line) => line === event).length;
  }

  /** Lets the trials of a sweep that wait for it go on. */
  release(sweep: string): void {
    writeFileSync(this.at(sweep, "release"), "");
  }

  /** Waits for what a controller brings about. */
  async until({ child }: Controlling, ready: () => boolean): Promise<void> {
    while (!ready()) {
      assert.equal(child.exitCode, null, "the controller ended before");
      await pause(50);
    }
  }
}
