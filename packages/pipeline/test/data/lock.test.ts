import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { spawn } from "node:child_process";
import fs, { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { hostname } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { test } from "node:test";
import { thisProcess, type Owner } from "../../src/data/lock-owner.js";
import { FolderLock, LockedError } from "../../src/data/lock.js";
import { temporaryFolder } from "./temporary.js";

const module = new URL("../../src/data/lock.js", import.meta.url).href;

/** A process that takes the lock and holds it until it is killed. */
async function holder(folder: string) {
  const code = `import { FolderLock } from ${JSON.stringify(module)};
globalThis.held = FolderLock.take(${JSON.stringify(folder)});
console.log("held");
setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

test("a second process is refused while the first works, and takes over once it was killed", async (t) => {
  const folder = temporaryFolder(t);
  const child = await holder(folder);
  assert.throws(
    () => FolderLock.take(folder),
    (error) => error instanceof LockedError && error.message.includes(`process ${child.pid}`),
  );
  child.kill("SIGKILL");
  await once(child, "exit");
  {
    using _lock = FolderLock.take(folder);
    assert.throws(() => FolderLock.take(folder), LockedError, "not twice within one process either");
  }
  assert.deepEqual(readdirSync(folder), []);
});

test("a reused process id does not hold the lock; a lock of another host, or an unreadable one, does", (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, ".lock");
  const write = (owner: object) => writeFileSync(file, JSON.stringify(owner));
  if (existsSync("/proc/self/stat")) {
    write({ pid: process.pid, host: hostname(), started: "1" });
    FolderLock.take(folder)[Symbol.dispose]();
  }
  write({ pid: 1, host: "another.example", started: "1" });
  assert.throws(() => FolderLock.take(folder), /process 1 on another\.example is using this folder/);
  writeFileSync(file, "{");
  assert.throws(() => FolderLock.take(folder), LockedError);
});

test("twenty processes at once on a lock whose owner is gone: exactly one gets it", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, ".lock"), JSON.stringify({ pid: 2 ** 22 - 1, host: hostname(), started: "1" }));
  const code = `import { FolderLock } from ${JSON.stringify(module)};
try { globalThis.held = FolderLock.take(${JSON.stringify(folder)}); console.log("held"); setTimeout(() => process.exit(), 1500); }
catch (error) { console.log(error.name); process.exit(); }`;
  const words = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [data] = (await once(child.stdout, "data")) as [Buffer];
      return data.toString().trim();
    }),
  );
  // Processes that came after the first had ended may have had it too, one after another; never two at once.
  assert.ok(words.includes("held"));
  assert.ok(
    words.every((word) => word === "held" || word === "LockedError"),
    words.join(),
  );
});

/** A lock of a process of this machine that has ended, with changes. */
const goneHere = (changes: Partial<Owner> = {}) =>
  JSON.stringify({ ...thisProcess(), pid: 2 ** 22 - 1, ...changes });

test("a stale lock that another process takes over at the same moment: the later process is refused, and the new lock stays", (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, ".lock");
  writeFileSync(file, goneHere());
  const link = fs.linkSync;
  const others: FolderLock[] = [];
  let fresh = "";
  // Between the look at the stale lock and the claim on it, another one has it.
  const mocked = t.mock.method(fs, "linkSync", (from: string, to: string) => {
    if (to.endsWith(".claim") && others.length === 0) {
      mocked.mock.restore();
      syncBuiltinESMExports();
      others.push(FolderLock.take(folder));
      fresh = readFileSync(file, "utf8");
    }
    link(from, to);
  });
  syncBuiltinESMExports();
  assert.throws(() => FolderLock.take(folder), LockedError);
  assert.equal(others.length, 1);
  assert.equal(readFileSync(file, "utf8"), fresh);
  assert.deepEqual(readdirSync(folder), [".lock"], "no claim is left");
  others[0]![Symbol.dispose]();
  assert.deepEqual(readdirSync(folder), []);
});

test("a process that died while it took over: its claim is taken over too, and no file of either is left", (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, ".lock");
  writeFileSync(file, goneHere());
  const hash = createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 16);
  writeFileSync(`${file}.${hash}.claim`, goneHere({ started: "7" }));
  {
    using _lock = FolderLock.take(folder);
    assert.equal((JSON.parse(readFileSync(file, "utf8")) as Owner).pid, process.pid);
    assert.deepEqual(readdirSync(folder), [".lock"]);
  }
  // The same with a claim of a process that is alive: it holds the lock.
  writeFileSync(file, goneHere());
  const again = createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 16);
  writeFileSync(`${file}.${again}.claim`, JSON.stringify(thisProcess()));
  assert.throws(() => FolderLock.take(folder), new RegExp(`process ${process.pid} is using this folder`));
});

test("a process of another container, whose ids mean nothing here, holds its lock until the lock is taken over explicitly", (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, ".lock");
  // Of the same host name and the same machine, in another namespace; and in a container of another machine.
  for (const changes of [{ pidNamespace: "pid:[1]" }, { pidNamespace: "pid:[1]", boot: "another" }]) {
    writeFileSync(file, goneHere(changes));
    assert.throws(() => FolderLock.take(folder), /in another container is using this folder.*--take-over/);
    FolderLock.take(folder, { takeOver: true })[Symbol.dispose]();
    assert.deepEqual(readdirSync(folder), []);
  }
});

test("after a restart, the processes of a machine are gone; those of another machine of the same name are not", (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, ".lock");
  const first = "pid:[4026531836]";
  const before = { boot: "before", pidNamespace: first };
  writeFileSync(file, goneHere({ ...before, machine: "another" }));
  assert.throws(() => FolderLock.take(folder), LockedError);
  writeFileSync(file, goneHere({ ...before, machine: thisProcess().machine ?? "none" }));
  const { machine, pidNamespace } = thisProcess();
  // Only outside of a container can it be told.
  if (machine !== undefined && pidNamespace === first) FolderLock.take(folder)[Symbol.dispose]();
  else assert.throws(() => FolderLock.take(folder), LockedError);
});

test("a lock of another node: Slurm is asked about its job, which is gone if it has ended, was requeued or is unknown", (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, ".lock");
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const answers = {
    "7": "echo 'JobId=7 JobState=RUNNING Restarts=0'",
    "8": "echo 'JobId=8 JobState=NODE_FAIL Restarts=0'",
    "9": "echo 'JobId=9 JobState=RUNNING Restarts=2'",
    "10": "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1",
    "11": "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1",
    "12": "echo 'JobId=12 JobState=PENDING Restarts=0'",
  };
  const cases = Object.entries(answers).map(([job, answer]) => `${job}) ${answer} ;;`);
  writeFileSync(join(bin, "scontrol"), `#!/bin/sh\ncase "$3" in ${cases.join(" ")} esac\n`, { mode: 0o755 });
  const path = process.env["PATH"];
  process.env["PATH"] = `${bin}:${path}`;
  t.after(() => (process.env["PATH"] = path));
  const held = (job: string, changes: Partial<Owner> = {}) => {
    const slurm = { job, restarts: 0, cluster: "" };
    writeFileSync(file, goneHere({ host: "node7", boot: "another", machine: "another", slurm, ...changes }));
    try {
      FolderLock.take(folder)[Symbol.dispose]();
      return false;
    } catch (error) {
      assert.ok(error instanceof LockedError);
      assert.match(error.message, new RegExp(`on node7 \\(Slurm job ${job}\\) is using this folder`));
      return true;
    }
  };
  assert.deepEqual(
    Object.keys(answers).filter((job) => held(job)),
    ["7", "11"],
  );
  // Without asking: this very job, requeued to this node.
  process.env["SLURM_JOB_ID"] = "7";
  process.env["SLURM_RESTART_COUNT"] = "1";
  t.after(() =>
    ["SLURM_JOB_ID", "SLURM_RESTART_COUNT"].forEach((name) => Reflect.deleteProperty(process.env, name)),
  );
  assert.equal(held("7"), false);
});

test("a file system without links: the lock is taken anyway, by exactly one process", (t) => {
  const folder = temporaryFolder(t);
  const refused = t.mock.method(fs, "linkSync", () => {
    throw Object.assign(new Error("EPERM: operation not permitted, link"), { code: "EPERM" });
  });
  syncBuiltinESMExports();
  t.after(() => (refused.mock.restore(), syncBuiltinESMExports()));
  using _lock = FolderLock.take(folder);
  assert.ok(refused.mock.callCount() > 0);
  assert.throws(() => FolderLock.take(folder), LockedError);
  assert.deepEqual(readdirSync(folder), [".lock"]);
});
