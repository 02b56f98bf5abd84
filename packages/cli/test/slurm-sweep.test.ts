/** Sweeps on a real Slurm that the test starts on this machine, as an ordinary user. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CommandFolder } from "./command.js";
import { StandInSweeps } from "./slurm-sweeps.js";
import { becomeOrdinaryUser, noSlurm, SlurmCluster } from "./slurm.js";
import { smallConfig, smallData } from "./small-data.js";

becomeOrdinaryUser();
let cluster: SlurmCluster | undefined;
after(() => cluster?.stop()); // before its folder goes, which names the processes
const work = new CommandFolder();
const at = (...parts: string[]) => join(work.path, ...parts);
const skip = noSlurm;
const sweeps = new StandInSweeps(work);
const count = (sweep: string, event: string) => sweeps.count(sweep, event);

before(async () => {
  if (noSlurm !== false) return;
  await smallData(work.path);
  writeFileSync(at("small.yaml"), smallConfig);
  cluster = await SlurmCluster.start(at("cluster"), 2);
  Object.assign(work.options.env, cluster.env);
});

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
    const begun = (stage: string, trials: number[]) => trials.map((k) => count("heads", `begin ${stage} ${k}`));
    assert.deepEqual(begun("slice", [0, 1, 2, 3, 4, 5, 6, 7]), [1, 1, 0, 0, 0, 0, 0, 0], "a slice stage for each seed");
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
    await sweeps.until(first, () => count("waiting", "begin train 0") === 1 && count("waiting", "end score 1") === 1);
    const [id] = cluster!.run("squeue", "--noheader", "--array", "--states=running", "--format=%i").trim().split("\n");
    cluster!.run("scancel", "--batch", "--signal=USR1", id!);
    await sweeps.until(first, () => count("waiting", "begin train 0") === 2);
    assert.deepEqual(
      ["saved train 0", "begin train 1", "begin slice 0"].map((line) => count("waiting", line)),
      [1, 1, 1],
    );

    const { status, stdout, stderr } = await work.start(["sweep", "cancel", "waiting", "--on", "slurm"]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^\d+ jobs? (was|were) cancelled\. To continue the sweep: /);
    assert.equal(cluster!.run("squeue", "--noheader").trim(), "");
    const ended = await first.ended;
    assert.match(ended.stdout, /"status":"cancelled"/);

    sweeps.release("waiting");
    const second = await sweeps.control("waiting").ended;
    assert.match(second.stdout, /"status":"finished","trials":2,"finished":2/);
    assert.deepEqual([count("waiting", "end train 0"), count("waiting", "begin train 1")], [1, 1]);
  },
);

test("a real sweep of two heads: the results of the same trials without Slurm", { skip }, async () => {
  sweeps.write("real", { mean: "mean", max: "max" });
  const run = await work.start(["sweep", "run", "real.yaml", "--on", "slurm"]);
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stdout, /^2\/2 trials finished$/m);
  assert.match(run.stdout, /^Best point on the validation set: [01] \{"head\.model":"(mean|max)"\}, accuracy /m);
  const result = (folder: string, trial: string) => {
    const text = readFileSync(at(folder, "trials", trial, "result.json"), "utf8");
    return (JSON.parse(text) as { metrics: object }).metrics;
  };
  // The same sweep before anything was trained.
  const isBefore = (path: string) => !/\/(run|slurm|val\.csv|result\.json)$/.test(path);
  cpSync(at("real"), at("here"), { recursive: true, filter: isBefore });
  for (const trial of ["000000", "000001"]) {
    work.succeed("sweep", "trial", join("here", "trials", trial));
    assert.deepEqual(result("real", trial), result("here", trial), trial);
  }
});
