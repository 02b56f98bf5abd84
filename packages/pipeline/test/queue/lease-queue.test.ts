import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { copyFileSync, writeFileSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { thisProcess } from "../../src/data/lock-owner.js";
import { LeaseLostError, QueueError, QueueFullError } from "../../src/queue/errors.js";
import type { Lease } from "../../src/queue/jobs.js";
import { LeaseQueue, type QueueOptions } from "../../src/queue/lease-queue.js";
import { networkFileSystem, refuseNetworkDisk } from "../../src/queue/local-disk.js";
import type { Sqlite, SqliteClass } from "../../src/queue/sqlite.js";
import { folderOf } from "./temporary.js";

const SqliteFile = createRequire(import.meta.url)("better-sqlite3") as SqliteClass;

function queueOf(t: TestContext, options: QueueOptions = {}) {
  const clock = { now: 1_000_000 };
  const queue = LeaseQueue.open(join(folderOf(t), "queue.sqlite"), { now: () => clock.now, ...options });
  t.after(() => queue[Symbol.dispose]());
  return { queue, clock };
}

const job = (key: string, more: object = {}) => ({ key, payload: { of: key }, ...more });
const keysOf = (leases: readonly { key: string }[]) => leases.map(({ key }) => key);
const one = (queue: LeaseQueue): Lease => {
  const [lease] = queue.lease();
  assert.ok(lease !== undefined, "a job is ready");
  return lease;
};
const gone = { ...thisProcess(), pid: 2 ** 22 + 1, started: "1" };

test("the most urgent job comes first, of equals the oldest; a payload of false, 0 or null arrives as it is", (t) => {
  const { queue } = queueOf(t);
  assert.equal(
    queue.add([job("a"), job("b", { priority: 2, payload: false }), job("c", { priority: -1 })]),
    3,
  );
  assert.equal(
    queue.add([job("d", { priority: 2, payload: 0 }), job("a", { payload: "other" })]),
    1,
    "a is there",
  );
  const leases = queue.lease({ most: 9 });
  assert.deepEqual(
    leases.map(({ key, payload }) => [key, payload]),
    [
      ["b", false],
      ["d", 0],
      ["a", { of: "a" }],
      ["c", { of: "c" }],
    ],
  );
  assert.deepEqual(queue.counts(), { queued: 0, leased: 4, done: 0, failed: 0, cancelled: 0, paused: 0 });
  queue.complete(leases[2]!.token, { score: 0 });
  assert.deepEqual(queue.find("a")?.result, { score: 0 });
});

test("kinds and resources choose: a job that does not fit lets those behind it pass, and the taken ones count", (t) => {
  const { queue } = queueOf(t);
  queue.add([
    job("big", { kind: "train", needs: { gpus: 4 } }),
    job("small", { kind: "train", needs: { gpus: 1 } }),
    job("small2", { kind: "train", needs: { gpus: 1 } }),
    job("page", { kind: "report" }),
  ]);
  let free = 1;
  const leases = queue.lease({
    most: 9,
    kinds: ["train"],
    fits: ({ gpus = 0 }) => gpus <= free,
    taken: ({ needs }) => (free -= needs["gpus"] ?? 0),
  });
  assert.deepEqual(keysOf(leases), ["small"]);
  assert.deepEqual(keysOf(queue.lease({ kinds: ["report"] })), ["page"]);
});

test("a failed job waits twice as long each time, and stays failed once its attempts are used up", (t) => {
  const { queue, clock } = queueOf(t, { backOff: 1000 });
  queue.add([job("a", { attempts: 3 })]);
  for (const [state, delay] of [
    ["queued", 1000],
    ["queued", 2000],
  ] as const) {
    assert.equal(queue.fail(one(queue).token, "it broke"), state);
    assert.equal(queue.nextRetry(), clock.now + delay);
    clock.now += delay - 1;
    assert.deepEqual(queue.lease(), []);
    clock.now += 1;
  }
  assert.equal(queue.fail(one(queue).token, "it broke again"), "failed");
  assert.deepEqual(queue.lease(), []);
  const { state, failures, error } = queue.find("a")!;
  assert.deepEqual([state, failures, error], ["failed", 3, "it broke again"]);
  assert.deepEqual(
    queue.attempts("a").map(({ outcome, detail }) => [outcome, detail]),
    [
      ["failed", "it broke"],
      ["failed", "it broke"],
      ["failed", "it broke again"],
    ],
  );
  assert.equal(queue.retry(), 1);
  assert.equal(
    queue.fail(one(queue).token, "no such file", { isFinal: true }),
    "failed",
    "not worth a retry",
  );
});

test("jobs wait for others: for any end, or for success alone; adding them twice changes nothing", (t) => {
  const { queue } = queueOf(t);
  const jobs = [
    job("donor", { attempts: 1 }),
    job("any", { after: [{ key: "donor" }] }),
    job("ok", { after: [{ key: "donor", mustSucceed: true }] }),
    job("later", { after: [{ key: "ok", mustSucceed: true }, { key: "any" }] }),
  ];
  assert.equal(queue.add(jobs), 4);
  assert.equal(queue.add(jobs), 0);
  const donor = one(queue);
  assert.deepEqual([donor.key, queue.lease()], ["donor", []]);
  queue.fail(donor.token, "it broke");
  assert.deepEqual(keysOf(queue.lease({ most: 9 })), ["any"]);
  assert.deepEqual(
    ["ok", "later"].map((key) => [queue.find(key)!.state, queue.find(key)!.error]),
    [
      ["cancelled", "a job that it needs failed"],
      ["cancelled", "a job that it needs was cancelled"],
    ],
  );
  assert.throws(
    () => queue.add([job("x"), job("y", { after: [{ key: "nobody" }] })]),
    /wait for job nobody, which does not exist/,
  );
  assert.equal(queue.find("x"), null, "all or nothing");
});

test("a resume undoes a pause that the holder has not obeyed yet, and no cancel", (t) => {
  const { queue } = queueOf(t);
  queue.add([job("a"), job("b"), job("c")]);
  const [a, b, c] = queue.lease({ most: 3 });
  queue.pause(["a", "b"]);
  queue.cancel(["c"]);
  queue.resume(["a"]);
  queue.resume(["c"]);
  assert.deepEqual(
    [a, b, c].map((lease) => queue.release(lease!.token)),
    ["queued", "paused", "cancelled"],
  );
});

test("cancel, pause and resume: waiting jobs at once, those that run through their holder's heartbeat", (t) => {
  const { queue } = queueOf(t);
  queue.add([job("a"), job("b"), job("c"), job("d")]);
  const [a, b] = queue.lease({ most: 2 });
  assert.equal(queue.pause(["b", "c"]), 2);
  assert.equal(queue.cancel(["a", "d"]), 2);
  const { lost, asked } = queue.heartbeat([a!.token, b!.token, "0badc0de"]);
  assert.deepEqual(
    [lost, [...asked]],
    [
      ["0badc0de"],
      [
        [a!.token, "cancel"],
        [b!.token, "pause"],
      ],
    ],
  );
  assert.equal(queue.release(a!.token), "cancelled");
  assert.equal(queue.release(b!.token), "paused");
  assert.deepEqual(queue.counts(), { queued: 0, leased: 0, done: 0, failed: 0, cancelled: 2, paused: 2 });
  assert.equal(queue.resume(["c"]), 1);
  queue.pauseAll();
  assert.deepEqual([queue.isPaused, queue.lease()], [true, []]);
  assert.equal(queue.resume(), 1);
  assert.deepEqual(keysOf(queue.lease({ most: 9 })), ["b", "c"]);
  queue.pauseAll("yield");
  const tokens = queue.list({ states: ["leased"] }).map(({ token }) => token!);
  assert.deepEqual([...queue.heartbeat(tokens).asked.values()], ["yield", "yield"]);
  assert.deepEqual(
    tokens.map((token) => queue.release(token)),
    ["queued", "queued"],
  );
  assert.equal(queue.prioritise(["c"], 5), 1);
  queue.resume();
  assert.equal(one(queue).key, "c");
});

test("a job that waits can be finished without a process; one that is held is left to its holder", (t) => {
  const { queue } = queueOf(t);
  queue.add([job("a"), job("b"), job("c", { after: [{ key: "b", mustSucceed: true }] })]);
  const held = one(queue);
  assert.equal(queue.finish(["a", "b"], { known: 0 }), 1);
  assert.deepEqual([queue.find("b")?.state, queue.find("b")?.result], ["done", { known: 0 }]);
  queue.complete(held.token);
  assert.deepEqual(keysOf(queue.lease({ most: 9 })), ["c"]);
});

test("a job whose holder is gone comes back once, and the old holder's word counts no more", (t) => {
  const { queue } = queueOf(t, { maxLosses: 2 });
  queue.add([job("a"), job("b")]);
  const [mine] = queue.lease();
  const [lease] = queue.lease({ owner: gone });
  assert.deepEqual(keysOf(queue.reclaim()), ["b"], "this process lives");
  assert.deepEqual(queue.reclaim(), []);
  for (const late of [
    () => queue.complete(lease!.token),
    () => queue.fail(lease!.token, "late"),
    () => queue.release(lease!.token),
    () => queue.handOver(lease!.token, gone),
  ])
    assert.throws(
      late,
      (error) => error instanceof LeaseLostError && /the lease of job b has ended/.test(error.message),
    );
  assert.throws(
    () => queue.complete("never leased"),
    (error) =>
      error instanceof LeaseLostError && /queue\.sqlite: does not know this lease\. /.test(error.message),
  );
  assert.deepEqual(queue.heartbeat([lease!.token]).lost, [lease!.token]);
  queue.lease({ owner: gone });
  queue.reclaim();
  const { state, losses, error } = queue.find("b")!;
  assert.deepEqual(
    [state, losses, error],
    ["failed", 2, "its process disappeared without reporting a result"],
  );
  queue.complete(mine!.token);
});

test("a holder that cannot be seen from here loses its job once its lease has run out; one that lives here does not", (t) => {
  const { queue, clock } = queueOf(t, { leaseFor: 60_000 });
  queue.add([job("a"), job("b")]);
  const container = { ...thisProcess(), pidNamespace: "pid:[1]" };
  const [far] = queue.lease({ owner: container });
  queue.lease();
  clock.now += 59_000;
  queue.heartbeat([far!.token]);
  clock.now += 59_000;
  assert.deepEqual(queue.reclaim(), []);
  clock.now += 2000;
  assert.deepEqual(keysOf(queue.reclaim()), ["a"]);
});

test("a bounded queue refuses what is too much, all of it, with the count that a server needs", (t) => {
  const { queue } = queueOf(t, { maxWaiting: 3 });
  queue.add([job("a"), job("b")]);
  assert.throws(
    () => queue.add([job("c"), job("d")]),
    (error) => error instanceof QueueFullError && error.waiting === 2 && error.maxWaiting === 3,
  );
  assert.equal(queue.find("c"), null);
  one(queue);
  assert.equal(queue.add([job("c"), job("d")]), 2, "a job that runs does not wait");
});

test("a database that is damaged, cut, of another program or version is refused by name, and left as it is", (t) => {
  const folder = folderOf(t);
  const file = join(folder, "queue.sqlite");
  {
    using queue = LeaseQueue.open(file);
    queue.add(Array.from({ length: 500 }, (_, k) => job(`job ${k}`, { payload: "x".repeat(200) })));
  }
  const bytes = readFileSync(file);
  const refused = (name: string, content: Buffer, says: RegExp) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    assert.throws(
      () => LeaseQueue.open(path),
      (error) => error instanceof QueueError && error.file === path && says.test(error.message),
      name,
    );
    assert.deepEqual(readFileSync(path).subarray(100), content.subarray(100), `${name} is as it was`);
  };
  const scrambled = Buffer.from(bytes);
  scrambled.fill(0xa5, 3 * 4096, 5 * 4096);
  refused("scrambled.sqlite", scrambled, /is damaged \(.+\)\. Restore a copy/);
  refused("cut.sqlite", bytes.subarray(0, bytes.length - 3 * 4096), /is damaged/);
  refused("text.sqlite", Buffer.from("no database, but a text of some length\n".repeat(200)), /is damaged/);
  const other = new SqliteFile(join(folder, "other.sqlite"));
  other.exec("CREATE TABLE theirs (a)");
  other.close();
  refused("theirs.sqlite", readFileSync(join(folder, "other.sqlite")), /of another program/);
  copyFileSync(file, join(folder, "later.sqlite"));
  const later = new SqliteFile(join(folder, "later.sqlite"));
  later.pragma("user_version = 7");
  later.close();
  refused(
    "later7.sqlite",
    readFileSync(join(folder, "later.sqlite")),
    /expected a queue of version 1, found version 7/,
  );
  assert.throws(() => LeaseQueue.open(join(folder, "none.sqlite"), { mustExist: true }), /not found/);
});

test("a full database gives a typed error, nothing of the call is kept, and what was there is", (t) => {
  const { queue } = queueOf(t);
  queue.add([job("a")]);
  limitPages(queue, 40);
  const many = Array.from({ length: 5000 }, (_, k) => job(`many ${k}`, { payload: "y".repeat(100) }));
  assert.throws(() => queue.add(many), { name: "SystemError", code: "ENOSPC", path: queue.file });
  assert.deepEqual(queue.counts(), { queued: 1, leased: 0, done: 0, failed: 0, cancelled: 0, paused: 0 });
  assert.equal(one(queue).key, "a");
});

/** SQLite's own limit: it then answers as on a full disk. */
function limitPages(queue: LeaseQueue, pages: number): void {
  const { sqlite } = (queue as unknown as { database: { sqlite: Sqlite } }).database;
  sqlite.pragma(`max_page_count = ${pages}`);
}

test("a network file system is refused with its name; of FUSE the mount says which kind it is", (t) => {
  const probe = (type: number, mounts = "", platform = "linux") => ({
    platform,
    type: () => type,
    mounts: () => mounts,
  });
  const found = (type: number, mounts = "", folder = "/home/anna/sweeps") =>
    networkFileSystem(folder, probe(type, mounts));
  assert.deepEqual(
    [found(0xef53), found(0x6969), found(0x0bd00bd0), found(0xfe534d42)],
    [null, "NFS", "Lustre", "SMB"],
  );
  const mounts =
    "/dev/sda1 / ext4 rw 0 0\nanna@far:/ /home/anna fuse.sshfs rw 0 0\nx /home/anna/my\\040disk fuseblk rw 0 0\n";
  assert.equal(found(0x65735546, mounts), "sshfs");
  assert.equal(found(0x65735546, mounts, "/home/anna/my disk/a"), null, "a local disk read through FUSE");
  assert.equal(found(0x65735546, mounts, "/home/annabel"), null);
  assert.throws(
    () => refuseNetworkDisk("/nowhere/queue.sqlite", probe(0x6969)),
    /queue\.sqlite: expected a local disk, found NFS: .*Choose a folder on a local disk of this machine/,
  );
  assert.equal(networkFileSystem(folderOf(t)), null, "the disk of this test");

  const mac =
    "/dev/disk3s1 on / (apfs, sealed, local, read-only)\n/dev/disk3s5 on /Users (apfs, local)\n//anna@nas/my data on /Volumes/my data (smbfs, nodev, nosuid)\nnas:/x on /Users/anna/far (nfs, nodev)\n";
  const onMac = (folder: string) => networkFileSystem(folder, probe(0x6969, mac, "darwin"));
  assert.deepEqual(["/Users/anna/sweeps", "/Volumes/my data/sweeps", "/Users/anna/far/sweeps"].map(onMac), [
    null,
    "SMB",
    "NFS",
  ]);
});

test("10 000 jobs are added at once, listed and counted; a second opening finds them", (t) => {
  const { queue } = queueOf(t);
  const jobs = Array.from({ length: 10_000 }, (_, k) =>
    job(`trial ${k}`, { needs: { gpus: k % 3 }, priority: k % 7 }),
  );
  assert.equal(queue.add(jobs), 10_000);
  using again = LeaseQueue.open(queue.file, { mustExist: true });
  assert.equal(again.list().length, 10_000);
  assert.equal(again.counts().queued, 10_000);
  assert.deepEqual(keysOf(again.list({ skip: 9998, most: 5 })), ["trial 9998", "trial 9999"]);
  assert.ok(statSync(queue.file).size > 0);
});
