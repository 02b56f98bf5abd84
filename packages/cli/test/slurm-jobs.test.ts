/** Jobs in a real Slurm that the test starts on this machine, as an ordinary user; stand-in commands in place of training. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { SlurmError } from "@slicestack/pipeline";
import { followTasks, JobFolder, Slurm, type JobTask, type SlurmJob } from "@slicestack/pipeline/internal";
import { CommandFolder } from "./command.js";
import { becomeOrdinaryUser, noSlurm, SlurmCluster } from "./slurm.js";

becomeOrdinaryUser();
let cluster: SlurmCluster | undefined;
after(() => cluster?.stop()); // before its folder goes, which names the processes
const work = new CommandFolder();
const at = (...parts: string[]) => join(work.path, ...parts);
let slurm: Slurm;
before(async () => {
  if (noSlurm !== false) return;
  cluster = await SlurmCluster.start(at("cluster"), 3);
  slurm = new Slurm({ ...process.env, ...cluster.env }, 200);
  process.chdir(work.path);
});

const skip = noSlurm;
const shell = (text: string): JobTask => ({ command: ["/bin/bash", "-c", text] });
/** Says that it began, and then sleeps until a signal asks it to save and stop. */
const untilAsked = (name: string) =>
  shell(
    `trap 'kill $!; echo saved >> ${name}; exit 130' USR1; echo began >> ${name}; sleep 300 & wait $!; exit 9`,
  );
const lines = (name: string) =>
  existsSync(at(name)) ? readFileSync(at(name), "utf8").trim().split("\n") : [];
const common = { name: "test", options: {}, stopBefore: 10 };
const poll = { pollSeconds: 0.3 };

async function until(ready: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await ready())) await pause(100);
}
const jobsOf = async (job: number): Promise<SlurmJob[]> =>
  (await slurm.jobs()).filter(({ arrayJob }) => arrayJob === job);

test(
  "an array with a throttle: two of six at a time; a task that fails stops no other",
  { skip },
  async () => {
    const folder = new JobFolder(at("array"));
    const task = (k: number) =>
      shell(
        `echo "begin ${k}" >> array.txt; sleep 0.5; echo "end ${k}" >> array.txt; exit ${k === 2 ? 3 : 0}`,
      );
    const job = await folder.submit(slurm, { ...common, tasks: [0, 1, 2, 3, 4, 5].map(task), throttle: 2 });
    const outcomes = await followTasks(slurm, folder, poll);
    assert.deepEqual(
      outcomes.map(({ code, stopped }) => `${code} ${stopped}`),
      ["0 false", "0 false", "3 false", "0 false", "0 false", "0 false"],
    );
    let running = 0;
    const together = lines("array.txt").map((line) => (running += line.startsWith("begin") ? 1 : -1));
    assert.equal(Math.max(...together), 2);
    const states = new Map(
      (await jobsOf(job)).map(({ element, state, exitCode }) => [element, `${state} ${exitCode}`]),
    );
    assert.deepEqual([states.get(1), states.get(2), states.size], ["COMPLETED 0", "FAILED 3", 6]);
  },
);

test(
  "asked to stop by USR1 or by TERM, an element saves and is requeued, and no other element of its array",
  { skip },
  async () => {
    const folder = new JobFolder(at("requeue"));
    const began = { exists: at("element1.txt"), command: shell("echo again >> element1.txt").command };
    const tasks = [untilAsked("element0.txt"), { ...untilAsked("element1.txt"), again: began }];
    const job = await folder.submit(slurm, { ...common, tasks });
    await until(() => lines("element0.txt").length + lines("element1.txt").length === 2);
    cluster!.run("scancel", "--batch", "--signal=TERM", `${job}_1`);
    await until(() => lines("element1.txt").includes("again"));
    await until(() => folder.outcome(1) !== null);
    assert.deepEqual(
      [lines("element0.txt"), lines("element1.txt")],
      [["began"], ["began", "saved", "again"]],
    );
    assert.equal(folder.outcome(1)?.restarts, 1);
    assert.match(
      readFileSync(folder.log(1), "utf8"),
      new RegExp(`slicestack: ${job}_1 was stopped .* it is requeued`),
    );

    const cancelling = new AbortController();
    cancelling.abort();
    const [zero, one] = await followTasks(slurm, folder, { ...poll, signal: cancelling.signal });
    assert.deepEqual([zero?.code, zero?.stopped, zero?.restarts, one?.code], [130, true, 0, 0]);
    assert.deepEqual(
      lines("element0.txt"),
      ["began", "saved"],
      "a submission that is cancelled is not requeued",
    );
  },
);

test("a node that is lost: its element runs again elsewhere, the other one goes on", { skip }, async () => {
  const folder = new JobFolder(at("node"));
  const task = (k: number) =>
    shell(`echo "$SLURMD_NODENAME" >> node${k}.txt; while [ ! -e release ]; do sleep 0.2; done`);
  const options = { exclusive: true };
  await folder.submit(slurm, { ...common, options, tasks: [task(0), task(1)] });
  await until(() => lines("node0.txt").length + lines("node1.txt").length === 2);
  const [lost] = lines("node1.txt");
  cluster!.killNode(lost!);
  await until(() => lines("node1.txt").length === 2);
  cluster!.run("touch", at("release"));
  const outcomes = await followTasks(slurm, folder, poll);
  assert.deepEqual(
    outcomes.map(({ code, restarts }) => [code, restarts]),
    [
      [0, 0],
      [0, 1],
    ],
  );
  assert.equal(lines("node0.txt").length, 1);
  assert.notEqual(lines("node1.txt")[1], lost);
  await cluster!.startNode(lost!);
});

test("a job that depends on a failed one is cancelled, not left to wait for ever", { skip }, async () => {
  const [first, second] = [new JobFolder(at("first")), new JobFolder(at("second"))];
  const job = await first.submit(slurm, { ...common, tasks: [shell("exit 0"), shell("exit 4")] });
  await second.submit(slurm, {
    ...common,
    tasks: [shell("exit 0"), shell("exit 0")],
    dependency: `aftercorr:${job}`,
  });
  await assert.rejects(followTasks(slurm, second, poll), (error: unknown) => {
    assert.ok(error instanceof SlurmError);
    assert.match(error.message, /^Slurm job \d+_1 ended as CANCELLED .*without a result\. See its log: /);
    return true;
  });
  await until(() => second.outcome(0)?.code === 0);
});

test("jobs are found by their comment; what Slurm refuses is said in its words", { skip }, async () => {
  const folder = new JobFolder(at("options"));
  const job = await folder.submit(slurm, { ...common, options: { hold: true }, tasks: [shell("exit 0")] });
  const { comment } = folder.read()!;
  assert.deepEqual(
    (await slurm.jobs()).filter((one) => one.comment === comment).map(({ id, phase }) => [id, phase]),
    [[`${job}_0`, "waiting"]],
  );
  await slurm.cancel([`${job}_0`]);
  const submit = (options: Record<string, string | boolean>) =>
    folder.submit(slurm, { ...common, options, tasks: [shell("")] });
  await assert.rejects(submit({ partition: "nowhere" }), /invalid partition specified: nowhere/);
  await assert.rejects(
    submit({ array: "0-9" }),
    /sbatch option array: reserved\. Slicestack sets the array indices itself/,
  );
  await assert.rejects(submit({ "x; rm": "0-9" }), /expected a long option name/);
  const missing = new Slurm({ PATH: at("bin") });
  await assert.rejects(
    missing.jobs(),
    /squeue was not found\. Run this on a machine that can submit Slurm jobs/,
  );
});
