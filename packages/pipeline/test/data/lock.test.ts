import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { test } from "node:test";
import { FolderLock, LockedError } from "../../src/data/lock.js";
import { temporaryFolder } from "./temporary.js";

const module = new URL("../../src/data/lock.js", import.meta.url).href;

/** A process that takes the lock and holds it until it is killed. */
async function holder(folder: string) {
  const code = `import { FolderLock } from ${JSON.stringify(module)};
globalThis.held = FolderLock.take(${JSON.stringify(folder)});
console.log("held");
setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
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

test("a process id that was used again does not hold the lock; a lock of another host, or one that cannot be read, does", (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, ".lock");
  const write = (owner: object) => writeFileSync(file, JSON.stringify(owner));
  if (existsSync("/proc/self/stat")) {
    write({ pid: process.pid, host: hostname(), started: "1" });
    FolderLock.take(folder)[Symbol.dispose]();
  }
  write({ pid: 1, host: "another.example", started: "1" });
  assert.throws(() => FolderLock.take(folder), /process 1 on another\.example works there/);
  writeFileSync(file, "{");
  assert.throws(() => FolderLock.take(folder), LockedError);
});

test("twenty processes at once on a lock whose owner is gone: one alone gets it", async (t) => {
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
