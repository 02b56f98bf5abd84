/** Processes of a queue's jobs: started behind a gate, judged, told to end, and taken over after a kill. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { childProcess, isGone, thisProcess } from "../../../src/data/lock-owner.js";
import type { Lease } from "../../../src/queue/jobs.js";
import { LeaseQueue } from "../../../src/queue/lease-queue.js";
import { GatedChild } from "../../../src/sweep/local/gated-child.js";
import { JobPool, type PoolWork, type Verdict } from "../../../src/sweep/local/job-pool.js";
import { folderOf } from "../../queue/temporary.js";
import { poolOf, shellWork, untilEmpty } from "./pool.js";

function setUp(t: TestContext, scripts: Record<string, string>, more: Partial<PoolWork> = {}) {
  const folder = folderOf(t);
  const queue = LeaseQueue.open(join(folder, "queue.sqlite"), { backOff: 1 });
  t.after(() => queue[Symbol.dispose]());
  queue.add(
    Object.entries(scripts).map(([key, script]) => ({ key, payload: { script }, needs: { cpus: 1 } })),
  );
  const ends: [string, string][] = [];
  const onEnd = ({ key }: Lease, verdict: Verdict | null) => void ends.push([key, verdict?.is ?? "lost"]);
  const pool = new JobPool({
    ...poolOf(queue, { slots: 3 }),
    work: { ...shellWork(folder), onEnd, ...more },
    grace: 200,
  });
  return { folder, queue, pool, ends };
}

test("jobs run beside each other, their output is kept, and one that fails stops no other", async (t) => {
  const { folder, queue, pool, ends } = setUp(t, {
    good: "echo hello; echo dear >&2",
    bad: "exit 7",
    killed: "kill -9 $$",
    later: "sleep 0.1",
  });
  await untilEmpty(pool, queue);
  assert.deepEqual(queue.counts(), { queued: 0, leased: 0, done: 2, failed: 2, cancelled: 0, paused: 0 });
  assert.equal(readFileSync(join(folder, "good.log"), "utf8"), "hello\ndear\n");
  assert.equal(queue.attempts("bad").length, 3);
  assert.deepEqual(
    [queue.find("bad")?.error, queue.find("killed")?.error],
    ["ended with code 7", "ended by SIGKILL"],
  );
  assert.deepEqual(ends.map(([, is]) => is).sort(), ["done", "done", ...new Array<string>(6).fill("failed")]);
});

test("no more run at once than there are slots, CPUs and memory; one that needs more than there is runs alone", async (t) => {
  const folder = folderOf(t);
  using queue = LeaseQueue.open(join(folder, "queue.sqlite"));
  const script = `echo + >> ${folder}/log; sleep 0.05; echo - >> ${folder}/log`;
  const payload = { script };
  queue.add([
    ...Array.from({ length: 8 }, (_, k) => ({ key: `small ${k}`, payload, needs: { cpus: 1, memory: 10 } })),
    { key: "large", payload, needs: { cpus: 99, memory: 1 }, priority: 1 },
  ]);
  const pool = new JobPool({ ...poolOf(queue, { slots: 9, cpus: 4, memory: 29 }), work: shellWork(folder) });
  await untilEmpty(pool, queue);
  const marks = readFileSync(join(folder, "log"), "utf8").trim().split("\n");
  let [running, most] = [0, 0];
  for (const mark of marks) most = Math.max(most, (running += mark === "+" ? 1 : -1));
  assert.deepEqual([marks.slice(0, 2), most, running], [["+", "-"], 2, 0], "memory allows two");
});

test("cancel ends the process, pause gives it back, and one that ignores SIGTERM is killed with all that it started", async (t) => {
  const { folder, queue, pool } = setUp(t, {
    obeys: "exec sleep 60",
    stubborn: `trap '' TERM; sleep 60 & echo $! > "$LOG_FOLDER/inner"; while :; do sleep 0.05; done`,
    paused: "exec sleep 60",
  });
  pool.round();
  while (!existsSync(join(folder, "inner"))) await setTimeout(10);
  queue.cancel(["obeys", "stubborn"]);
  queue.pause(["paused"]);
  while (pool.leases.length > 0) {
    pool.round();
    await pool.wait(50);
  }
  assert.deepEqual(queue.counts(), { queued: 0, leased: 0, done: 0, failed: 0, cancelled: 2, paused: 1 });
  const inner = Number(readFileSync(join(folder, "inner"), "utf8"));
  while (!isGone({ ...childProcess(inner), started: "" })) await setTimeout(10);
});

test("stop tells all to end and gives their jobs back", async (t) => {
  const { queue, pool } = setUp(t, { a: "exec sleep 60", b: "exec sleep 60" });
  pool.round();
  await setTimeout(50);
  await pool.stop();
  assert.equal(queue.counts().queued, 2);
  assert.deepEqual([queue.find("a")?.failures, queue.find("a")?.losses], [0, 0]);
});

test("a child that is not let go does nothing, whatever became of the one who started it", async (t) => {
  const folder = folderOf(t);
  const touch = (name: string) => ({ words: ["touch", join(folder, name)] });
  const [discarded, opened] = [GatedChild.start(touch("discarded")), GatedChild.start(touch("opened"))];
  discarded.discard();
  opened.open();
  assert.equal((await opened.ended).code, 0);
  assert.notEqual((await discarded.ended).code, 0);
  assert.deepEqual(
    ["discarded", "opened"].map((name) => existsSync(join(folder, name))),
    [false, true],
  );
});

test("a process of another container is neither watched nor signalled: its job comes back once its lease has run out", async (t) => {
  const folder = folderOf(t);
  const clock = { now: Date.now() };
  using queue = LeaseQueue.open(join(folder, "queue.sqlite"), { now: () => clock.now });
  queue.add([{ key: "a", payload: { script: "exit 0" }, needs: { cpus: 1 } }]);
  // There the process id names the trial; here it names a stranger.
  const stranger = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
  t.after(() => stranger.kill("SIGKILL"));
  const [lease] = queue.lease({ owner: { ...childProcess(stranger.pid!), pidNamespace: "pid:[1]" } });
  const pool = new JobPool({ ...poolOf(queue, { slots: 2 }), work: shellWork(folder), grace: 0 });
  pool.adopt();
  pool.round();
  pool.abandon();
  await pool.stop();
  assert.deepEqual([pool.leases, queue.find("a")?.token], [[], lease?.token]);
  clock.now += 61_000;
  const next = new JobPool({ ...poolOf(queue, { slots: 2 }), work: shellWork(folder) });
  queue.heartbeat([lease!.token]);
  next.adopt();
  clock.now += 61_000;
  await untilEmpty(next, queue);
  assert.deepEqual([queue.find("a")?.state, queue.find("a")?.losses], ["done", 1]);
  assert.deepEqual([stranger.exitCode, stranger.signalCode], [null, null]);
  assert.equal(isGone({ ...thisProcess(), pid: stranger.pid!, started: "" }), false);
});

test("after kill -9 of the pool its processes go on; the next pool takes them over, and runs none beside itself", async (t) => {
  const folder = folderOf(t);
  const file = join(folder, "queue.sqlite");
  const payload = {
    script: `echo "$KEY begin" >> ${folder}/runs; sleep 0.7; echo "$KEY end" >> ${folder}/runs; touch ${folder}/$KEY.done`,
  };
  {
    using queue = LeaseQueue.open(file);
    queue.add(Array.from({ length: 4 }, (_, k) => ({ key: `job${k}`, payload, needs: { cpus: 1 } })));
  }
  const script = join(import.meta.dirname, "pool-child.js");
  const first = spawn(process.execPath, [script, file, folder], { stdio: "inherit" });
  const ended = once(first, "exit");
  const runs = () =>
    existsSync(join(folder, "runs")) ? readFileSync(join(folder, "runs"), "utf8").trim().split("\n") : [];
  while (runs().length < 2) await setTimeout(10);
  first.kill("SIGKILL");
  await ended;
  using queue = LeaseQueue.open(file);
  const work = shellWork(folder);
  const pool = new JobPool({ ...poolOf(queue, { slots: 2 }), work });
  pool.adopt();
  assert.equal(pool.leases.length, 2);
  await untilEmpty(pool, queue);
  assert.equal(queue.counts().done, 4);
  const log = runs();
  for (const key of ["job0", "job1", "job2", "job3"])
    assert.deepEqual(
      log.filter((line) => line.startsWith(key)),
      [`${key} begin`, `${key} end`],
      log.join(", "),
    );
  assert.ok(
    log.indexOf("job2 begin") > Math.min(log.indexOf("job0 end"), log.indexOf("job1 end")),
    "two slots",
  );
  writeFileSync(join(folder, "over"), "");
});
