/** Kills and cancels at awkward moments, with commands of Slurm that a script plays. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { before, test } from "node:test";
import { Slurm } from "../../../src/slurm/client.js";
import { beginSweep } from "../../../src/sweep/begin.js";
import { SweepError } from "../../../src/sweep/errors.js";
import { Attempts } from "../../../src/sweep/slurm/attempts.js";
import { sweepPaths } from "../../../src/sweep/sweep-folder.js";
import { SlurmController } from "../../../src/sweep/slurm/controller.js";
import { cancelMark, slurmFolder } from "../../../src/sweep/slurm/marks.js";
import { scratch, tinyDataset } from "../../train/support.js";
import { sweepFile } from "../local/sweeps.js";

const folder = scratch();
let data = "";
before(async () => void (data = await tinyDataset(folder)));

/** A sweep whose slice stage was submitted by a controller that a kill ended before it knew the number of the job. */
async function killed(name: string, state: string, { poll = 0.05, onSubmit = "" } = {}) {
  const { file, out } = sweepFile(folder, name, "space: {head.dropout: [0.05]}\n");
  const sweep = await beginSweep(file, { data, out });
  sweep.propose([], Infinity);
  const submission = new Attempts(slurmFolder(out)).begin("slice", [
    { trial: "000000", pieces: 1, parent: null },
  ]);
  const job = {
    version: 1,
    comment: "ours",
    job: null,
    launcher: [],
    success: [0],
    cancelled: [],
    mostRestarts: 1,
  };
  writeFileSync(submission.file, JSON.stringify({ ...job, tasks: [{ command: ["true"] }] }));
  const bin = join(out, "bin");
  mkdirSync(bin);
  const jobs = [{ job_id: 7, array_job_id: 7, array_task_id: 0, job_state: state, comment: "ours" }];
  const play = (command: string, script: string) =>
    writeFileSync(join(bin, command), `#!/bin/sh\necho ${command} "$@" >> ${out}/asked\n${script}\n`, {
      mode: 0o755,
    });
  play("squeue", `echo '${JSON.stringify({ jobs })}'`);
  play("sbatch", `cat > ${out}/script\n${onSubmit}\necho 8`);
  play("scancel", "");
  play("scontrol", "");
  const stop = new AbortController();
  let rounds = 0;
  const controller = new SlurmController({
    sweep,
    slurm: new Slurm({ PATH: `${bin}${delimiter}${process.env["PATH"]}` }),
    options: { ...sweep.spec.slurm, poll },
    program: ["true"],
    onRound: () => ++rounds === 3 && stop.abort(),
    signal: stop.signal,
  });
  const asked = (command: string) =>
    (existsSync(join(out, "asked")) ? readFileSync(join(out, "asked"), "utf8") : "")
      .split("\n")
      .filter((line) => line.startsWith(command));
  return { out, controller, submission, asked };
}

test("a job whose number a kill has kept from us is found by its comment, and what waits for it names it", async () => {
  const { controller, submission, asked } = await killed("number", "RUNNING");
  assert.equal(await controller.run(), "detached");
  assert.equal(submission.read()?.job, 7);
  const [first] = asked("sbatch");
  assert.match(first ?? "", /--dependency=aftercorr:7 /);
});

test("damaged notes about submissions are named", () => {
  const root = join(folder, "damaged");
  mkdirSync(root);
  const { path, file } = new Attempts(root).begin("slice", []);
  const job = {
    version: 1,
    comment: "ours",
    job: 7,
    launcher: [],
    success: [0],
    cancelled: [],
    mostRestarts: 1,
  };
  writeFileSync(file, JSON.stringify({ ...job, tasks: [{ command: ["true"] }] }));
  for (const name of [join(path, "stage.json"), join(root, "forgotten.json")]) {
    writeFileSync(name, "{");
    assert.throws(
      () => new Attempts(root),
      (error) => error instanceof SweepError && error.path === name,
    );
  }
});

test("an outcome that arrives a poll after the end of its job is believed", async () => {
  const { controller, submission, asked } = await killed("late", "COMPLETED", { poll: 0.5 });
  const outcome = {
    code: 0,
    signal: null,
    stopped: false,
    job: "7_0",
    restarts: 0,
    host: "here",
    seconds: 1,
  };
  const timer = setInterval(() => {
    if (asked("squeue").length === 0) return;
    clearInterval(timer);
    setTimeout(() => submission.writeOutcome(0, outcome), 300);
  }, 5);
  assert.equal(await controller.run(), "detached");
  assert.match(
    asked("sbatch")[0] ?? "",
    /--job-name=slicestack-train /,
    "the slice stage is not trained again",
  );
});

test("a controller that is cancelled while it submits cancels that job, and submits nothing more", async () => {
  const mark = cancelMark(join(folder, "cancelled"));
  const { controller, asked } = await killed("cancelled", "RUNNING", { onSubmit: `touch ${mark}` });
  assert.equal(await controller.run(), "cancelled");
  assert.deepEqual([asked("sbatch").length, asked("scancel")], [1, ["scancel 8"]]);
});

test("a trial that is cancelled by its number while its job is submitted is cancelled in Slurm, and not submitted again", async () => {
  const marks = join(slurmFolder(join(folder, "single")), "cancelled-trials");
  const onSubmit = `mkdir ${marks}\ntouch ${marks}/000000`;
  const { controller, asked } = await killed("single", "RUNNING", { onSubmit });
  assert.equal(await controller.run(), "finished");
  assert.equal(controller.counts().cancelled, 1);
  assert.deepEqual([asked("sbatch").length, asked("scancel")], [1, ["scancel 8"]]);
});

test("a job that failed on a full disk, where its reason did not fit either, ends the call and not the trial", async (t) => {
  const trial = join(folder, "full/trials/000000");
  const { out, controller, asked } = await killed("full", "FAILED");
  mkdirSync(trial, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", trial], { stdio: "ignore" });
  } catch {
    return t.skip("mounting a small disk needs root");
  }
  t.after(() => execFileSync("umount", ["--lazy", trial]));
  await assert.rejects(controller.run(), { name: "SystemError", code: "ENOSPC" });
  assert.equal(trial, sweepPaths(out).trial("000000").folder);
  assert.ok(!existsSync(sweepPaths(out).trial("000000").result));
  assert.deepEqual(asked("sbatch"), []);
});
