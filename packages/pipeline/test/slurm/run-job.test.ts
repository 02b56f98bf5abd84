/** The batch step of a job, without Slurm: what it does with requests to stop that come early or are not heard. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { JobFolder } from "../../src/slurm/job-folder.js";

const root = mkdtempSync(join(tmpdir(), "slicestack-run-job-"));
after(() => rmSync(root, { recursive: true }));
const runner = new URL("../../src/slurm/run-job.js", import.meta.url).pathname;

function submission(name: string, script: string): JobFolder {
  const folder = new JobFolder(join(root, name));
  mkdirSync(folder.path);
  const job = { version: 1, comment: "ours", job: 7, launcher: [], success: [0], mostRestarts: 1 };
  const tasks = [{ command: ["/bin/bash", "-c", script] }];
  writeFileSync(folder.file, JSON.stringify({ ...job, cancelled: [folder.cancelFile], tasks }));
  return folder;
}

function start(folder: JobFolder) {
  const env = { ...process.env, SLURM_ARRAY_JOB_ID: "7", SLURM_ARRAY_TASK_ID: "0" };
  const child = spawn(process.execPath, [runner, folder.path], { cwd: folder.path, env, stdio: "ignore" });
  return { child, ended: new Promise<number | null>((resolve) => child.on("exit", resolve)) };
}

test("a task that is cancelled before its batch step listens is not started", async () => {
  const folder = submission("early", "touch began");
  folder.markCancelled();
  assert.equal(await start(folder).ended, 130);
  const { code, stopped } = folder.outcome(0)!;
  assert.deepEqual([code, stopped, existsSync(join(folder.path, "began"))], [130, true, false]);
});

test("a command that does not hear the first request to stop is asked again", async () => {
  const deaf = "trap 'trap \"exit 130\" USR1; touch asked' USR1; touch began; while true; do sleep 0.1; done";
  const folder = submission("deaf", deaf);
  const { child, ended } = start(folder);
  while (!existsSync(join(folder.path, "began"))) await pause(50);
  folder.markCancelled();
  child.kill("SIGUSR1");
  assert.equal(await ended, 130);
  assert.ok(existsSync(join(folder.path, "asked")));
  const { code, stopped } = folder.outcome(0)!;
  assert.deepEqual([code, stopped], [130, true]);
});
