/** The queue under many processes, kills and a full disk. */
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { QueueError } from "../../src/queue/errors.js";
import { LeaseQueue } from "../../src/queue/lease-queue.js";
import { folderOf } from "./temporary.js";

const WORKER = join(import.meta.dirname, "worker.js");

function start(t: TestContext, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [WORKER, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

/** The next lines of its output. */
async function lines(child: ChildProcess, count: number): Promise<string[]> {
  const found: string[] = [];
  for await (const line of createInterface({ input: child.stdout! })) if (found.push(line) === count) break;
  return found;
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

const jobs = (count: number) => Array.from({ length: count }, (_, k) => ({ key: `job ${k}`, payload: k }));

test("eight processes take 400 jobs, two of them are killed on the way: each job ends once, and none is held twice at once", async (t) => {
  const folder = folderOf(t);
  const [file, log] = [join(folder, "queue.sqlite"), join(folder, "log")];
  writeFileSync(log, "");
  using queue = LeaseQueue.open(file);
  queue.add(jobs(400));
  const workers = Array.from({ length: 8 }, () => start(t, file, "work", log));
  const ends = workers.map((worker) => once(worker, "exit") as Promise<[number | null, string | null]>);
  for (const victim of workers.slice(0, 2)) {
    while (queue.counts().done < 20) await new Promise((resolve) => setTimeout(resolve, 5));
    victim.kill("SIGKILL");
  }
  const codes = await Promise.all(ends);
  assert.deepEqual(
    codes.slice(2).map(([code]) => code),
    [0, 0, 0, 0, 0, 0],
  );
  assert.equal(queue.counts().done, 400);
  assert.ok(queue.list().every(({ key, result }) => result === key));
  // A job may begin again only after the process that held it was killed.
  const begun = readFileSync(log, "utf8").match(/begin$/gm)!.length;
  assert.ok(begun <= 402, `${begun - 400} jobs were begun twice, two processes were killed`);
  const outcomes = queue.list().map(({ key }) => queue.attempts(key).map(({ outcome }) => outcome));
  assert.ok(
    outcomes.every((of) => of.at(-1) === "done" && of.slice(0, -1).every((outcome) => outcome === "lost")),
  );
  assert.ok(outcomes.filter((of) => of.length > 1).length <= 2);
});

test("a holder that is killed gives its job back once; one that is only stopped keeps it", async (t) => {
  const file = join(folderOf(t), "queue.sqlite");
  using queue = LeaseQueue.open(file, { leaseFor: 1 });
  queue.add(jobs(2));
  const [dead, asleep] = [start(t, file, "hold"), start(t, file, "hold")];
  const [[first], [second]] = [await lines(dead, 1), await lines(asleep, 1)];
  assert.deepEqual([first, second].sort(), ["job 0", "job 1"]);
  asleep.kill("SIGSTOP");
  await kill(dead);
  assert.deepEqual(
    queue.reclaim().map(({ key }) => key),
    [first],
  );
  assert.deepEqual(queue.reclaim(), []);
  const [lease, none] = queue.lease({ most: 2 });
  assert.deepEqual([lease?.key, none], [first, undefined]);
});

test("kill -9 in the middle of a transaction takes it back whole; of single commits none that was reported is lost", async (t) => {
  const file = join(folderOf(t), "queue.sqlite");
  using queue = LeaseQueue.open(file);
  queue.add(jobs(3));
  const torn = start(t, file, "tear");
  await lines(torn, 1);
  await kill(torn);
  assert.equal(queue.find("torn 0"), null);
  assert.deepEqual(queue.counts(), { queued: 3, leased: 0, done: 0, failed: 0, cancelled: 0, paused: 0 });
  for (const prefix of ["a", "b", "c"]) {
    const writer = start(t, file, "add", prefix);
    const reported = await lines(writer, 25);
    await kill(writer);
    for (const key of reported) assert.ok(queue.find(key) !== null, `${key} was reported`);
  }
  using again = LeaseQueue.open(file);
  assert.equal(again.list().length, queue.list().length);
});

test("where the disk takes no more, the writer gets an error that names the file, and what was committed stays", (t) => {
  const file = join(folderOf(t), "queue.sqlite");
  {
    using queue = LeaseQueue.open(file);
    queue.add(jobs(50));
  }
  const kibibytes = Math.ceil(statSync(file).size / 1024) + 64;
  const script = `ulimit -f ${kibibytes}; trap '' XFSZ; exec "$0" "$@"`;
  const ended = spawnSync("/bin/bash", ["-c", script, process.execPath, WORKER, file, "add", "more "], {
    encoding: "utf8",
  });
  assert.notEqual(ended.status, 0);
  assert.match(ended.stderr, /(QueueError|SystemError).*queue\.sqlite/);
  using queue = LeaseQueue.open(file);
  const reported = ended.stdout.trim().split("\n");
  assert.ok(reported.length > 3);
  for (const key of reported) assert.ok(queue.find(key) !== null, `${key} was reported`);
  assert.equal(queue.add([{ key: "later", payload: 1 }]), 1, "with room it goes on");
});

test("a writer that never ends is waited for in vain, and named", async (t) => {
  const file = join(folderOf(t), "queue.sqlite");
  LeaseQueue.open(file)[Symbol.dispose]();
  await lines(start(t, file, "tear"), 1);
  using queue = LeaseQueue.open(file, { patience: 50 });
  assert.throws(
    () => queue.add(jobs(1)),
    (error) => error instanceof QueueError && /another process has locked it/.test(error.message),
  );
  assert.equal(queue.list().length, 0, "reading needs no patience");
});
