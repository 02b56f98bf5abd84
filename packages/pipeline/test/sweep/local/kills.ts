/** Controllers and trials that are killed at random moments, again and again. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Random } from "@slicestack/stats";
import { isGone } from "../../../src/data/lock-owner.js";
import { LeaseQueue } from "../../../src/queue/lease-queue.js";
import { readResult } from "../../../src/sweep/trial-result.js";
import { eventsOf, sweepFile } from "./sweeps.js";

/**
 * Runs a sweep in controllers that are killed, or whose trials are, until all kills are done; then to its end. Nothing may be
 * lost, nothing may run twice at once, and what has its result may not begin again.
 */
export async function survivesKills(folder: string, data: string, kills: number): Promise<void> {
  const trials = 12 + 4 * kills;
  // The last ones wait until all kills are done.
  const heads = Array.from(
    { length: trials / 2 },
    (_, k) => `{head.dropout: ${2 * k + 2 < trials ? (k + 1) / 10_000 : 0.3}}`,
  );
  const { file, out } = sweepFile(
    folder,
    `kills${kills}`,
    `seeds: 2\npoints: [${heads.join(", ")}]\nrun: {slots: 3, attempts: 1000}\n`,
  );
  const random = new Random(kills).fork("kills");
  let controller = start(file, out, data);
  for (let k = 0; k < kills; k++) {
    await anyMoment(controller, out, random);
    if (random.uniform() < 0.5) {
      const ended = once(controller, "exit");
      controller.kill("SIGKILL");
      await ended;
      controller = start(file, out, data);
    } else killOneTrial(out, controller, random);
  }
  writeFileSync(join(out, "released"), "");
  const [code] = (await once(controller, "exit")) as [number | null];
  assert.equal(code, 0);

  const events = eventsOf(out);
  assert.deepEqual(
    events.filter((event) => event.includes("TWICE")),
    [],
  );
  using queue = LeaseQueue.open(join(out, "queue.sqlite"));
  const jobs = queue.list({ kind: "trial" });
  assert.equal(jobs.length, trials);
  for (const { key, state } of jobs) {
    assert.equal(state, "done", key);
    const result = readResult(join(out, "trials", key, "result.json"))!;
    assert.equal(result.status, "finished", key);
    const own = events.filter((event) => event.startsWith(`${key} `));
    const end = own.indexOf(`${key} end`);
    // A trial may have been killed after its result, before it noted its end; then nothing follows, either.
    assert.ok(end === -1 || end === own.length - 1, `${key} began again after its end: ${own.join(", ")}`);
  }
  const lost = jobs.reduce((sum, { losses, failures }) => sum + losses + failures, 0);
  // Each kill costs the attempts that it hit, not more: of a controller none of trials that run.
  assert.ok(lost <= 4 * kills, `${lost} attempts were lost by ${kills} kills`);
}

/** Mostly while trials run, now and then while the controller starts. */
async function anyMoment(controller: ChildProcess, out: string, random: Random): Promise<void> {
  const before = eventsOf(out).length;
  const waits = random.uniform() < 0.75;
  const isRunning = () => controller.exitCode === null && controller.signalCode === null;
  for (let k = 0; k < 100 && waits && isRunning() && eventsOf(out).length < before + 3; k++)
    await setTimeout(20);
  await setTimeout(random.uniform() * 500);
  assert.ok(
    isRunning(),
    `the controller ended with code ${controller.exitCode} after ${eventsOf(out).length} events`,
  );
}

function start(file: string, out: string, data: string): ChildProcess {
  const script = join(import.meta.dirname, "run-child.js");
  const env = { ...process.env, STAND_IN_MILLISECONDS: "250" };
  return spawn(process.execPath, [script, file, out, data], { stdio: ["ignore", "ignore", "inherit"], env });
}

function killOneTrial(out: string, controller: ChildProcess, random: Random): void {
  const file = join(out, "queue.sqlite");
  if (!existsSync(file)) return;
  using queue = LeaseQueue.open(file, { check: false });
  // Before its start was written down a job belongs to the controller, which is killed on other occasions.
  const running = queue
    .list({ states: ["leased"] })
    .flatMap(({ owner }) => (owner === null || owner.pid === controller.pid || isGone(owner) ? [] : [owner]));
  const victim = running[Math.floor(random.uniform() * running.length)];
  if (victim !== undefined) process.kill(victim.pid, "SIGKILL");
}
