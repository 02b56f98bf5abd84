/** Training that torchrun and srun themselves start: PyTorch's launcher, and a real Slurm cluster of this machine. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { availability } from "@slicestack/torch/distributed";
import { bin, CommandFolder } from "./command.js";
import { noSlurm, SlurmCluster } from "./slurm.js";
import { smallConfig, smallData } from "./small-data.js";

const { backends, reason } = availability();
const noGroups = backends.length > 0 ? false : reason;
const TORCHRUN = "/usr/bin/torchrun";
let cluster: SlurmCluster | undefined;
after(() => cluster?.stop()); // before its folder goes, which names the processes
const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);
const train = (out: string) => [bin, "train", "--config", "small.yaml", "--data", "data", "--out", out];

before(async () => {
  await smallData(folder.path);
  writeFileSync(at("small.yaml"), smallConfig);
  if (noSlurm === false) cluster = await SlurmCluster.start(at("slurm"), 2);
});

function run(command: string, args: string[], env: Record<string, string> = {}) {
  const { options } = folder;
  const ended = spawnSync(command, args, {
    ...options,
    env: { ...options.env, ...env },
    encoding: "utf8",
    timeout: 300_000,
  });
  return { status: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}

const processesOf = (out: string) =>
  (JSON.parse(readFileSync(at(out, "run.json"), "utf8")) as { environment: Record<string, string> })
    .environment["processes"];

const RESULT = /^Slice stage: .*\nVolume stage: .*\nRun: .*\nNext: slicestack evaluate .*\n$/;

test(
  "torchrun --nproc_per_node 2: one run; rank 1 says nothing",
  {
    skip:
      noGroups || (existsSync(TORCHRUN) ? false : `${TORCHRUN} is missing: apt-get install python3-torch`),
  },
  () => {
    // torchrun 1.13 under Python 3.11 knows these two ways of redirecting alone: stdout to files, stderr to both.
    const args = [
      "--standalone",
      "--nproc_per_node",
      "2",
      "-r",
      "1",
      "-t",
      "2",
      "--log_dir",
      "logs",
      "--no_python",
    ];
    const { status, stderr } = run(TORCHRUN, [...args, ...train("torchrun")]);
    assert.equal(status, 0, stderr);
    assert.equal(processesOf("torchrun"), "2");
    const logs = readdirSync(at("logs"), { recursive: true, encoding: "utf8" });
    const said = (rank: number, stream: string) => {
      const name = logs.find((path) => path.endsWith(`/${rank}/${stream}.log`));
      return name === undefined ? undefined : readFileSync(at("logs", name), "utf8");
    };
    assert.match(said(0, "stdout") ?? "", RESULT);
    assert.deepEqual([said(1, "stdout"), said(1, "stderr")], ["", ""]);
  },
);

const skip = noGroups || noSlurm;

test("srun -n 2 on a node: one run, told once", { skip }, () => {
  const { status, stdout, stderr } = run("srun", ["-N1", "-n2", "-K1", ...train("one-node")], cluster!.env);
  assert.equal(status, 0, stderr);
  assert.match(stdout, RESULT);
  assert.equal(processesOf("one-node"), "2");
});

test("srun over two nodes, which meet at the address that Slurm has of the first", { skip }, () => {
  const { status, stdout, stderr } = run("srun", ["-N2", "-n2", "-K1", ...train("two-nodes")], cluster!.env);
  assert.equal(status, 0, stderr);
  assert.match(stdout, RESULT);
  assert.equal(processesOf("two-nodes"), "2");
});

test("a task of the step that cannot continue ends all of them, with its message", { skip }, () => {
  const { status, stdout, stderr } = run("srun", ["-N1", "-n2", "-K1", ...train("one-node")], cluster!.env);
  assert.notEqual(status, 0);
  assert.equal(stdout, "");
  assert.match(stderr, /slicestack train: .*one-node: already holds a run.*--resume/s);
});
