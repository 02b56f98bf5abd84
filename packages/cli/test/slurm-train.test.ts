/** `train --on slurm` and `prepare --on slurm` in a real Slurm that the test starts on this machine, as an ordinary user. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { JobFolder, submissionsIn } from "@slicestack/pipeline/internal";
import { availability } from "@slicestack/torch/distributed";
import { CommandFolder } from "./command.js";
import { becomeOrdinaryUser, noSlurm, SlurmCluster } from "./slurm.js";
import { metricsRows, smallConfig, smallData, synchronised, trainSmall as train } from "./small-data.js";

becomeOrdinaryUser();
const { backends, reason } = availability();
let cluster: SlurmCluster | undefined;
after(() => cluster?.stop()); // before its folder goes, which names the processes
const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);
const text = (...parts: string[]) => readFileSync(at(...parts), "utf8");
const onSlurm = ["--on", "slurm", "--poll", "1s"];

before(async () => {
  if (noSlurm !== false) return;
  await smallData(folder.path);
  writeFileSync(at("small.yaml"), smallConfig);
  cluster = await SlurmCluster.start(at("cluster"), 2, ["KillWait=30"]);
  Object.assign(folder.options.env, cluster.env);
});

const rowsOf = (run: string) => metricsRows(text(run, "metrics.jsonl"));
const hasRows = (run: string, count: number) =>
  existsSync(at(run, "metrics.jsonl")) && rowsOf(run).length >= count;

test(
  "train --on slurm --nodes 2 --procs 2: four ranks on two nodes, the losses of one process, its output and its code",
  { skip: noSlurm || (backends.length > 0 ? false : reason) },
  async () => {
    const four = await folder.start(
      train("four", ...onSlurm, "--nodes", "2", "--procs", "2", "--json", ...synchronised),
    );
    assert.equal(four.status, 0, four.stderr);
    assert.deepEqual(
      Object.keys(JSON.parse(four.stdout) as object),
      ["run", "status", "best"],
      "one JSON object",
    );
    assert.match(four.stderr, /Slurm job \d+: 1 running/);
    const record = JSON.parse(text("four", "run.json")) as {
      status: string;
      environment: { processes: string };
    };
    assert.deepEqual([record.status, record.environment.processes], ["trained", "4"]);

    folder.succeed(...train("one"), ...synchronised);
    const [one, all] = [rowsOf("one"), rowsOf("four")];
    assert.equal(all.length, 4);
    one.forEach((row, k) => {
      for (const name of ["train_loss", "val_loss"] as const) {
        const apart = Math.abs(all[k]![name] / row[name] - 1);
        assert.ok(
          apart < 1e-4,
          `${row.stage} ${row.epoch}: ${name} ${row[name]} in one process, ${all[k]![name]} in four`,
        );
      }
    });
  },
);

test(
  "a training that Slurm asks to stop saves, is requeued, and ends with every epoch once; Ctrl-C cancels it, saved",
  { skip: noSlurm },
  async () => {
    const many = ["--slice.epochs", "6", "--slice.batch_size", "2", "--head.epochs", "1"];
    const { status, stdout, stderr } = await folder.start(train("again", ...onSlurm, "--detach", ...many));
    assert.equal(status, 0, stderr);
    const job = /^Submitted Slurm job (\d+); its log is again\.slurm\/1\/task-0\.err$/m.exec(stdout)?.[1];
    while (!hasRows("again", 1)) await new Promise((done) => setTimeout(done, 50));
    cluster!.run("scancel", "--full", "--signal=USR1", `${job}_0`);
    const followed = await folder.start(train("again", ...onSlurm, ...many));
    assert.equal(followed.status, 0, followed.stderr);
    assert.match(followed.stderr, /trains again already: following it/);
    assert.match(followed.stderr, new RegExp(`${job}_0 was stopped and saved its state; it is requeued`));
    assert.match(followed.stdout, /^Slice stage: .*\nVolume stage: /m);
    assert.deepEqual(
      rowsOf("again").map(({ stage, epoch }) => `${stage} ${epoch}`),
      [...[0, 1, 2, 3, 4, 5].map((epoch) => `slice ${epoch}`), "volume 0"],
    );
    assert.equal(new JobFolder(at("again.slurm/1")).outcome(0)?.restarts, 1);

    const endless = train("stopped", ...onSlurm, "--slice.epochs", "500");
    const stopped = await folder.interrupt(endless, "SIGINT", () => hasRows("stopped", 1));
    assert.equal(stopped.status, 130, stopped.stderr);
    assert.match(stopped.stderr, /Stopped and saved\. To resume: /);
    assert.equal(cluster!.run("squeue", "--noheader").trim(), "");
  },
);

/** A head that computes as `mean` does; in a job of Slurm it takes its time, so that its time limit is reached. */
const slowHead = (plugins: string): string => `
import { defineHead, Head, z } from ${JSON.stringify(plugins)};
import { Linear } from "@slicestack/torch/nn";

class SlowHead extends Head {
  constructor({ embedding, outputs }) {
    super();
    this.score = new Linear(embedding, outputs);
  }
  forward(embedding_BSE) {
    if (process.env.SLURM_JOB_ID) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
    return { logits_BK: this.score.forward(embedding_BSE.mean(1)), sliceWeight_BS: null };
  }
}
export default defineHead({
  name: "slow",
  source: "own",
  architecture: "mean, E-K",
  options: z.strictObject({}),
  create: (shape) => new SlowHead(shape),
});
`;

test(
  "a training longer than its time limit: warned by Slurm, saved, requeued, and ended with the bytes of one without Slurm",
  { skip: noSlurm },
  async () => {
    const require = createRequire(import.meta.url);
    const torch = pathToFileURL(require.resolve("@slicestack/torch/nn")).href;
    const plugins = pathToFileURL(require.resolve("@slicestack/pipeline/plugins")).href;
    writeFileSync(at("slow.mjs"), slowHead(plugins).replace("@slicestack/torch/nn", torch));
    const config = smallConfig.replace("model: attention, epochs: 2", "model: slow, epochs: 18");
    writeFileSync(at("slow.yaml"), `${config}plugins: [./slow.mjs]\n`);
    const slow = (out: string, ...more: string[]) => [
      "train",
      "--config",
      "slow.yaml",
      "--data",
      "data",
      "--out",
      out,
      ...more,
    ];
    // Slurm looks at limits every 30 s, so that it warns 30 s to 60 s after the start.
    const limit = ["--sbatch", "time=2", "--stop-before", "60s"];
    const { status, stderr } = await folder.start(slow("limited", ...onSlurm, ...limit));
    assert.equal(status, 0, stderr);
    assert.match(stderr, /_0 was stopped and saved its state; it is requeued/);
    const { restarts } = new JobFolder(at("limited.slurm/1")).outcome(0)!;
    assert.ok(restarts >= 1);
    folder.succeed(...slow("free"));
    const [limited, free] = [rowsOf("limited"), rowsOf("free")];
    assert.equal(limited.length, 20, "each epoch once");
    limited.forEach((row, k) =>
      assert.deepEqual([row.train_loss, row.val_loss], [free[k]!.train_loss, free[k]!.val_loss]),
    );
    for (const stage of ["slice", "volume"]) {
      const weights = (run: string) => readFileSync(at(run, "checkpoints", stage, "best.safetensors"));
      assert.ok(weights("limited").equals(weights("free")), stage);
    }
  },
);

test(
  "prepare --on slurm: pieces as elements of an array, then merged: the bytes of one process",
  { skip: noSlurm },
  async () => {
    const settings = ["--size", "32,32", "--depth", "8", "--workers", "1", "--name", "small"];
    const prepare = (out: string, ...more: string[]) => [
      "prepare",
      "scans",
      out,
      "--labels",
      "scans/labels.csv",
      ...settings,
      ...more,
    ];
    const { status, stdout, stderr } = await folder.start(prepare("pieced", ...onSlurm, "--shards", "3"));
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^small: 22 volumes from 3 pieces in pieced$/m);
    assert.match(stderr, /Slurm job \d+: .*3 (running|waiting|ended)/);
    for (const name of ["slices.npy", "subjects.csv", "dataset.json"])
      assert.deepEqual(readFileSync(at("pieced", name)), readFileSync(at("data", name)), name);
    assert.ok(!existsSync(at("pieced.pieces")), "the pieces are removed once they are merged");

    const broken = await folder.start(["prepare", "nowhere", "none", ...onSlurm, "--shards", "2"]);
    assert.equal(broken.status, 3, broken.stderr);
    assert.match(broken.stderr, /piece 1 of 2 ended with exit code 3.*: slicestack prepare: /s);
  },
);

test("what cannot work is refused before anything is submitted", { skip: noSlurm }, async () => {
  const cases: [string[], RegExp][] = [
    [["train", "--config", "small.yaml", "--data", "data", "--on", "slurm"], /needs --out FOLDER/],
    [["train", "--data", "data", "--out", "x", "--on", "slurm"], /needs --config FILE: slicestack plan/],
    [train("again", "--on", "slurm"), /again is a run already: continue it with --resume again/],
    [["prepare", "scans", "x", "--on", "slurm"], /--on slurm needs --shards/],
    [["prepare", "scans", "data", "--on", "slurm", "--shards", "2"], /data is a data set already/],
    [train("x", "--nodes", "2"), /--nodes needs --on slurm/],
    [train("x", "--on", "slurm", "--sbatch", "array=0-3"), /sbatch option array: reserved\. Slicestack sets/],
    [train("x", "--on", "slurm", "--sbatch", "partition=nowhere"), /invalid partition specified: nowhere/],
  ];
  for (const [args, message] of cases) assert.match((await folder.start(args)).stderr, message);
  assert.ok(!existsSync(at("x")));
  assert.ok(submissionsIn(at("x.slurm")).every((one) => one.read()?.job == null));
});
