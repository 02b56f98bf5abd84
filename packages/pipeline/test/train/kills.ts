/** Trainings that are killed repeatedly, and the files that they leave. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Random } from "@slicestack/stats";
import { configToYaml } from "../../src/config/to-yaml.js";
import type { RunConfig } from "../../src/config/types.js";
import { runPaths } from "../../src/run/folder.js";

export interface Kills {
  data: string;
  out: string;
  config: RunConfig;
  kills: number;
  seed: number;
}

/** Where a kill found the training, for the reader of a failure. */
type Moment = "before the first step" | "after a step" | "while a state was written" | "it had ended";

/**
 * Kills a training this number of times: some at a random moment of its start, some at a random moment after a random number of
 * steps, some as soon as a checkpoint is being written. A run that came to its end is begun again elsewhere.
 * @returns what was met, and the finished runs
 */
export async function trainThroughKills({ data, out, config, kills, seed }: Kills) {
  const random = new Random(seed);
  const met: Moment[] = [];
  const finished: string[] = [];
  const folder = () => `${out}-${finished.length}`;
  const start = () => {
    const child = fileURLToPath(new URL("./kill-child.js", import.meta.url));
    return spawn(process.execPath, [child, data, folder(), configToYaml(config)], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
  };
  for (let k = 0; k < kills; k++) {
    const child = start();
    const ended = once(child, "exit");
    const moment = await momentOf(k, child, folder(), random);
    child.kill("SIGKILL");
    await ended;
    met.push(child.exitCode === 0 ? "it had ended" : moment);
    if (child.exitCode === 0) finished.push(folder());
    else assert.equal(child.signalCode, "SIGKILL", `kill ${k}: the training failed by itself`);
  }
  const child = start();
  await once(child, "exit");
  assert.equal(child.exitCode, 0, "the last start comes to its end");
  finished.push(folder());
  return { met, finished };
}

/** Resolves at the moment to kill. */
async function momentOf(k: number, child: ChildProcess, run: string, random: Random): Promise<Moment> {
  const ended = once(child, "exit").then((): Moment => "it had ended");
  if (k % 5 === 3) {
    const wait = setTimeout(random.integer(0, 900)).then((): Moment => "before the first step");
    return Promise.race([ended, wait]);
  }
  if (k % 2 === 1) return Promise.race([ended, writing(child, run, random.integer(1, 4))]);
  return Promise.race([ended, afterSteps(child, random.integer(1, 7), random.integer(0, 60))]);
}

async function afterSteps(child: ChildProcess, steps: number, milliseconds: number): Promise<Moment> {
  for (let step = 0; step < steps; step++) await once(child, "message");
  await setTimeout(milliseconds);
  return "after a step";
}

/** The n-th time that the temporary file of a state appears, in whichever stage. */
async function writing(child: ChildProcess, run: string, n: number): Promise<Moment> {
  // A folder that holds anything before the training has claimed it would be refused as somebody else's.
  while (!existsSync(runPaths(run).record) && child.exitCode === null) await setTimeout(2);
  const stages = (["slice", "volume", "fine_tune"] as const).map((stage) => runPaths(run).checkpoints(stage));
  for (const folder of stages) mkdirSync(folder, { recursive: true });
  const seen = new Set<string>();
  return new Promise<Moment>((resolve) => {
    const watchers = stages.map((folder) =>
      watch(folder, { persistent: false }, (_, name) => {
        if (name !== null && /state.*\.tmp$/.test(name)) seen.add(name);
        if (seen.size < n) return;
        for (const watcher of watchers) watcher.close();
        resolve("while a state was written");
      }),
    );
  });
}

/** Files that no writer finished. */
export function leftovers(run: string): string[] {
  return readdirSync(run, { recursive: true })
    .map(String)
    .filter((name) => /\.(tmp|new|claim)$|\.lock$/.test(name))
    .filter((name) => existsSync(join(run, name)));
}
