/** Sweeps on a real Slurm that the test starts on this machine, as an ordinary user. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { SlurmSweepStatus } from "@slicestack/pipeline/internal";
import { prepare } from "@slicestack/pipeline";
import { smallPublished, trialOutcomes } from "./published-sweep.js";
import { sweepsOnSlurm } from "./slurm-sweeps.js";
import { noSlurm } from "./slurm.js";

const skip = noSlurm;
const { work, at, sweeps, cluster } = sweepsOnSlurm();
const count = (sweep: string, event: string) => sweeps.count(sweep, event);

/** The greatest number of trials that were in a stage at a time. */
function together(sweep: string, stage: string): number {
  let [running, most] = [0, 0];
  for (const line of sweeps.events(sweep).filter((one) => one.includes(` ${stage} `))) {
    running += line.startsWith("begin") ? 1 : -1;
    most = Math.max(most, running);
  }
  return most;
}

test(
  "a controller that is killed in mid-sweep: nothing is lost or run twice; slice stages are shared; a failing trial stops no other",
  { skip },
  async () => {
    sweeps.write(
      "heads",
      { steady: "mean", flaky: "max", fails: "attention", last: "noisy_or" },
      { more: "seeds: 2\n" },
    );
    const first = sweeps.control("heads.yaml");
    await sweeps.until(first, () => count("heads", "end train 0") === 1);
    first.child.kill("SIGKILL");
    await first.ended;

    const second = await sweeps.control("heads.yaml").ended;
    assert.equal(second.code, 0, second.stderr);
    const last = JSON.parse(second.stdout.trim().split("\n").at(-1)!) as Record<string, unknown>;
    const expected = {
      status: "finished",
      trials: 8,
      finished: 6,
      failed: 2,
      pruned: 0,
      cancelled: 0,
      running: 0,
      waiting: 0,
    };
    assert.deepEqual(last, expected);
    // Two trials a point: 0 and 1 are steady, 2 and 3 flaky, 4 and 5 fail, 6 and 7 are the last.
    const begun = (stage: string, trials: number[]) =>
      trials.map((k) => count("heads", `begin ${stage} ${k}`));
    assert.deepEqual(
      begun("slice", [0, 1, 2, 3, 4, 5, 6, 7]),
      [1, 1, 0, 0, 0, 0, 0, 0],
      "a slice stage for each seed",
    );
    assert.deepEqual(begun("train", [0, 1, 2, 3, 4, 5, 6, 7]), [1, 1, 2, 2, 2, 2, 1, 1]);
    assert.deepEqual(begun("score", [0, 1, 2, 3, 4, 5, 6, 7]), [1, 1, 1, 1, 0, 0, 1, 1]);
    const order = sweeps.events("heads");
    for (const trial of [0, 1, 2, 3, 6, 7]) {
      const places = [`end slice ${trial % 2}`, `end train ${trial}`, `begin score ${trial}`].map((line) =>
        order.indexOf(line),
      );
      assert.deepEqual(
        places,
        [...places].sort((a, b) => a - b),
        `trial ${trial}`,
      );
      assert.ok(order.indexOf(`end slice ${trial % 2}`) < order.indexOf(`begin train ${trial}`));
    }
    for (const stage of ["slice", "train", "score"]) assert.ok(together("heads", stage) <= 3, stage);
    assert.match(second.stdout, /^failed train 4$/m);
  },
);

test(
  "USR1 reaches one element: it alone is requeued; cancel empties the queue, and the same command continues",
  { skip },
  async () => {
    sweeps.write("waiting", { waits: "mean", other: "max" });
    const first = sweeps.control("waiting.yaml");
    await sweeps.until(
      first,
      () => count("waiting", "begin train 0") === 1 && count("waiting", "end score 1") === 1,
    );
    const [id] = cluster()
      .run("squeue", "--noheader", "--array", "--states=running", "--format=%i")
      .trim()
      .split("\n");
    cluster().run("scancel", "--batch", "--signal=USR1", id!);
    await sweeps.until(first, () => count("waiting", "begin train 0") === 2);
    assert.deepEqual(
      ["saved train 0", "begin train 1", "begin slice 0"].map((line) => count("waiting", line)),
      [1, 1, 1],
    );

    const { status, stdout, stderr } = await work.start(["sweep", "cancel", "waiting", "--on", "slurm"]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^\d+ jobs? (was|were) cancelled\. To continue the sweep: /);
    assert.equal(cluster().run("squeue", "--noheader").trim(), "");
    const ended = await first.ended;
    assert.match(ended.stdout, /"status":"cancelled"/);

    sweeps.release("waiting");
    const second = await sweeps.control("waiting").ended;
    assert.match(second.stdout, /"status":"finished","trials":2,"finished":2/);
    assert.deepEqual([count("waiting", "end train 0"), count("waiting", "begin train 1")], [1, 1]);
  },
);

test(
  "status names the jobs; pause holds them, saved; resume releases them; what is Slurm's is refused with its command",
  { skip },
  async () => {
    sweeps.write("held", { waits: "mean", other: "max" });
    const controller = sweeps.control("held.yaml");
    await sweeps.until(
      controller,
      () => count("held", "begin train 0") === 1 && count("held", "end score 1") === 1,
    );
    const tell = async (command: string, ...args: string[]) => {
      const { status, stdout, stderr } = await work.start(["sweep", command, "held", ...args]);
      return { status, text: stdout + stderr };
    };
    const state = async () => JSON.parse((await tell("status", "--json")).text) as SlurmSweepStatus;
    while ((await state()).finished === 0); // its result is there, and then seen
    const { on, tasks, isPaused, isRunning } = await state();
    assert.deepEqual([on, isPaused, isRunning], ["slurm", false, true]);
    assert.deepEqual(
      tasks.map(({ stage, trial, phase, reason }) => [stage, trial.number, phase, reason]),
      [
        ["train", 0, "running", ""],
        ["score", 0, "waiting", "Dependency"],
      ],
    );
    const [train, score] = tasks.map(({ id }) => id);
    const { text } = await tell("status");
    assert.match(text, /^1\/2 trials, on Slurm {2}1 running {2}1 waiting$/m);
    assert.match(text, new RegExp(`^  ${train}  RUNNING on n\\d  train of 000000  waits, seed 0$`, "m"));

    const refused = async (command: string, ...args: string[]) => {
      const { status, text: message } = await tell(command, ...args);
      assert.equal(status, 3, message);
      return message;
    };
    assert.match(
      await refused("pause", "0"),
      new RegExp(`only the whole sweep can be paused.*scontrol hold ${train},${score}`),
    );
    assert.match(
      await refused("priority", "5", "0"),
      new RegExp(`the order of jobs is Slurm's.*scontrol top ${train},${score}`),
    );
    assert.match(
      await refused("resume", "1"),
      /None of their jobs is in its queue: slicestack sweep status held/,
    );

    assert.match(
      (await tell("pause", "--now")).text,
      /^The sweep is paused: 2 jobs were held, or asked to save first/,
    );
    await sweeps.until(controller, () => count("held", "saved train 0") === 1);
    const reasons = async () => (await state()).tasks.map(({ phase }) => phase);
    while ((await reasons()).includes("running"));
    await pause(3000); // longer than a requeued job waits
    assert.equal(count("held", "begin train 0"), 1, "a held job does not start");
    assert.match(
      (await tell("status")).text,
      /^The sweep is paused\. To continue it: slicestack sweep resume held$/m,
    );
    assert.match((await tell("resume")).text, /^The sweep continues: 2 jobs were released\.$/m);
    await sweeps.until(controller, () => count("held", "begin train 0") === 2);
    sweeps.release("held");
    const { stdout, stderr } = await controller.ended;
    assert.match(stdout, /"status":"finished","trials":2,"finished":2/, stderr);
    assert.match((await tell("status")).text, /^2\/2 trials, on Slurm\nBest point on the validation set: 1 /);
  },
);

test(
  "a published experiment from its file: on Slurm the winner, the metrics and the predictions of this machine",
  { skip },
  async () => {
    // The 3D network halves its input five times.
    const labels = at("scans/labels.csv");
    const recipe = { source: at("scans"), destination: at("deep"), labels, workers: 1, name: "deep" };
    await prepare({ ...recipe, size: [32, 32], depth: 32 });
    const more = "slurm: {poll: 0.5, throttle: 2, retry_after: 1}\nrun: {slots: 1}\n";
    writeFileSync(at("published.yaml"), smallPublished("mosmed_0v1", { data: "deep", seeds: 1, more }));
    const run = (out: string, ...on: string[]) =>
      work.start(["sweep", "run", "published.yaml", "--out", out, ...on]);
    const [remote, local] = [await run("real", "--on", "slurm"), await run("here")];
    assert.equal(remote.status, 0, remote.stderr);
    assert.equal(local.status, 0, local.stderr);
    assert.match(remote.stdout, /^3\/3 trials finished$/m);
    const winner = (text: string) =>
      /^Best point on the validation set: (\d) .*, auroc ([\d.]+)$/m.exec(text)!;
    const [point, score] = winner(remote.stdout).slice(1);
    assert.deepEqual(winner(local.stdout).slice(1), [point, score]);
    const outcomes = trialOutcomes(at("real"));
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["finished", "finished", "finished"],
    );
    assert.deepEqual(outcomes, trialOutcomes(at("here")));
    assert.match(work.succeed("sweep", "results", "real"), /^Page: real\//m);
    assert.match(work.succeed("sweep", "status", "real"), /^3\/3 trials, on Slurm$/m);
  },
);
