/** What a cluster does to a sweep: preemption, a lost node, a memory limit, a controller that restarts; on a real Slurm. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { submissionsIn, type TaskOutcome } from "@slicestack/pipeline/internal";
import { sweepsOnSlurm } from "./slurm-sweeps.js";
import { noSlurm } from "./slurm.js";

/** An urgent job cancels those of the partition main, and a job that uses more memory than it asked for is ended. */
const settings = [
  "SelectTypeParameters=CR_Core_Memory",
  "DefMemPerCPU=500",
  "JobAcctGatherType=jobacct_gather/linux",
  "JobAcctGatherFrequency=task=1",
  "JobAcctGatherParams=OverMemoryKill",
  "PreemptType=preempt/partition_prio",
  "PreemptMode=CANCEL",
  "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1",
  "PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=9",
];

const skip = noSlurm;
const { at, sweeps, cluster } = sweepsOnSlurm(settings);

/** The outcome of each element of each submission, in order. */
const outcomes = (sweep: string): (TaskOutcome | null)[] =>
  submissionsIn(at(sweep, "slurm")).flatMap((one) => one.read()!.tasks.map((_, k) => one.outcome(k)));
const runningJobs = () =>
  cluster().run("squeue", "--noheader", "--array", "--states=running", "--format=%i %N").trim().split("\n");

test(
  "an urgent job cancels those of a sweep: they are submitted again, and no trial is lost",
  { skip },
  async () => {
    sweeps.write("preempted", { waits: "mean", other: "max" });
    const controller = sweeps.control("preempted.yaml");
    await sweeps.until(
      controller,
      () => sweeps.count("preempted", "begin train 0") + sweeps.count("preempted", "end score 1") === 2,
    );
    const urgent = ["--partition=urgent", "--exclusive", "--nodes=2", `--output=${at("urgent.out")}`];
    const script = `touch ${at("urgent")}; while [ ! -e ${at("over")} ]; do sleep 0.2; done`;
    cluster().run("sbatch", ...urgent, `--wrap=${script}`);
    await sweeps.until(controller, () => existsSync(at("urgent")));
    writeFileSync(at("over"), "");
    await sweeps.until(controller, () => sweeps.count("preempted", "begin train 0") === 2);
    sweeps.release("preempted");
    const { code, stdout, stderr } = await controller.ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"status":"finished","trials":2,"finished":2/);
    const counts = ["saved train 0", "end train 0", "begin train 1", "begin slice 0"];
    assert.deepEqual(
      counts.map((event) => sweeps.count("preempted", event)),
      [1, 1, 1, 1],
    );
  },
);

test("a node that is lost: its trial runs again elsewhere, and only that one", { skip }, async () => {
  sweeps.write("lost", { waits: "mean", other: "max" }, { sbatch: "{exclusive: true}" });
  const controller = sweeps.control("lost.yaml");
  const have = (...events: string[]) => events.every((event) => sweeps.count("lost", event) === 1);
  await sweeps.until(controller, () => have("begin train 0", "end score 1"));
  const [, node] = runningJobs()[0]!.split(" ");
  cluster().killNode(node!);
  await sweeps.until(controller, () => sweeps.count("lost", "begin train 0") === 2);
  assert.notEqual(runningJobs()[0]!.split(" ")[1], node);
  sweeps.release("lost");
  const { stdout, stderr } = await controller.ended;
  assert.match(stdout, /"status":"finished","trials":2,"finished":2/, stderr);
  assert.ok(have("end train 0", "begin train 1", "begin slice 0"), sweeps.events("lost").join("\n"));
  const restarts = outcomes("lost").map((outcome) => outcome?.restarts);
  assert.equal(
    restarts.filter((one) => one === 1).length,
    1,
    "one element was requeued, the others were not",
  );
  await cluster().startNode(node!);
});

test(
  "slurmctld restarts in mid-sweep: every trial runs once, and its result is found",
  { skip },
  async () => {
    sweeps.write("restart", { waits: "mean", other: "max", last: "attention" });
    const controller = sweeps.control("restart.yaml");
    await sweeps.until(controller, () => sweeps.count("restart", "begin train 0") === 1);
    await cluster().stopController();
    sweeps.release("restart"); // ends while nobody is told
    await sweeps.until(controller, () => sweeps.count("restart", "end train 0") === 1);
    await pause(1000);
    await cluster().startController();
    const { code, stdout, stderr } = await controller.ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"status":"finished","trials":3,"finished":3/);
    for (const stage of ["train", "score"])
      for (const trial of [0, 1, 2])
        assert.equal(sweeps.count("restart", `begin ${stage} ${trial}`), 1, `${stage} ${trial}`);
  },
);

test(
  "a job that exceeds its memory: each batch is cut into more pieces until it fits",
  { skip },
  async () => {
    sweeps.write("memory", { hungry: "mean" }, { sbatch: "{mem: 300M}" });
    const { code, stdout, stderr } = await sweeps.control("memory.yaml").ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"status":"finished","trials":1,"finished":1/);
    assert.equal(stdout.match(/^again train 0$/gm)?.length, 2, "more often than a trial may fail");
    const fits = sweeps.events("memory").filter((line) => line.includes("fit"));
    assert.deepEqual(fits, ["150 MB fit train 0"]);
  },
);
