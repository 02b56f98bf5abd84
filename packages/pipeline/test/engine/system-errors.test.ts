import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import "../../src/models/catalogue.js";
import { loadConfig } from "../../src/config/load.js";
import { writeFileAtomic } from "../../src/data/atomic.js";
import { readTable } from "../../src/data/csv.js";
import { survey } from "../../src/data/ingest/discover.js";
import { readSalt } from "../../src/data/ingest/privacy.js";
import { walk } from "../../src/data/ingest/walk.js";
import {
  explained,
  isShortage,
  naming,
  refuseUnwritable,
  SystemError,
  systemText,
} from "../../src/engine/system-errors.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { temporaryFolder } from "../data/temporary.js";

function thrown(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  return assert.fail("nothing was thrown");
}

test("a system error becomes one with path, explanation, remedy and continuation; any other error is unchanged", (t) => {
  const folder = temporaryFolder(t);
  for (const [code, body] of [
    ["ENOENT", () => readFileSync(join(folder, "none"))],
    ["EISDIR", () => readFileSync(folder)],
    ["ENOTDIR", () => (writeFileSync(join(folder, "file"), ""), openSync(join(folder, "file", "x"), "r"))],
    ["EEXIST", () => mkdirSync(folder)],
  ] as const) {
    const error = explained(
      naming(folder, () => thrown(() => naming<unknown>(folder, body))),
      "Then go on with: x",
    );
    assert.ok(error instanceof SystemError, code);
    assert.equal(error.code, code);
    assert.ok(error.path?.startsWith(folder));
    assert.match(
      error.message,
      new RegExp(`^${folder}.*: [a-z].* \\(${code}\\)\\. [A-Z].*\\. Then go on with: x$`),
    );
    assert.equal(explained(error), error);
  }
  const bug = new TypeError("x is undefined");
  assert.equal(explained(bug), bug);
});

test("a full disk is distinguished from a missing file, also as a cause; a write names its file", () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), {
    code: "ENOSPC",
    syscall: "write",
  });
  assert.equal(isShortage(new Error("cannot be read", { cause: full })), true);
  assert.equal(isShortage(Object.assign(new Error(""), { code: "ENOENT", syscall: "open" })), false);
  assert.equal(
    systemText(thrown(() => naming("a/b", () => assert.fail(full)))),
    "a/b: the disk is full (ENOSPC)",
  );
  const copy = { code: "ENOSPC", syscall: "copyfile", path: "a/from", dest: "b/to" };
  assert.equal(systemText(Object.assign(new Error(""), copy)), "b/to: the disk is full (ENOSPC)");
});

test("walk: files and links at any depth, sorted, without what is hidden; a folder that cannot be entered by its name", (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "b/.git"), { recursive: true });
  for (const file of ["b/2.dcm", "1.dcm", "b/.git/x", ".hidden"]) writeFileSync(join(folder, file), "");
  symlinkSync("../1.dcm", join(folder, "b/good.dcm"));
  symlinkSync("nowhere", join(folder, "b/bad.dcm"));
  const found = { paths: ["1.dcm", "b/2.dcm", "b/bad.dcm", "b/good.dcm"], unreadable: [] };
  assert.deepEqual(walk(folder), found);
  // A folder of this walk is not walked twice; one elsewhere is, but once.
  symlinkSync("b", join(folder, "again"));
  assert.deepEqual(walk(folder), found);
  const other = temporaryFolder(t);
  writeFileSync(join(other, "3.dcm"), "");
  symlinkSync(other, join(folder, "more"));
  symlinkSync(other, join(folder, "more too"));
  assert.deepEqual(walk(folder).paths, [...found.paths, "more/3.dcm"]);
  symlinkSync(dirname(folder), join(other, "up"));
  assert.deepEqual(walk(folder).unreadable, [
    { path: "more/up", reason: "a link to a folder that contains this one" },
  ]);
  rmSync(join(other, "up"));
  if (process.getuid?.() === 0) return; // who may do everything may enter every folder
  mkdirSync(join(folder, "closed"), { mode: 0 });
  assert.deepEqual(walk(folder).unreadable, [{ path: "closed", reason: "permission denied (EACCES)" }]);
});

test("walk: pipes and devices, and links to them, are named and never opened; a source that is one is refused at once", async (t) => {
  const folder = temporaryFolder(t);
  execFileSync("mkfifo", [join(folder, "scan.nii.gz")]);
  symlinkSync("scan.nii.gz", join(folder, "linked.nii.gz"));
  symlinkSync("/dev/zero", join(folder, "endless.nii"));
  const reason = "it is a pipe, a socket or a device, not a file";
  const names = ["endless.nii", "linked.nii.gz", "scan.nii.gz"];
  assert.deepEqual(walk(folder), { paths: [], unreadable: names.map((path) => ({ path, reason })) });
  const found = await survey(folder);
  assert.deepEqual(
    found.broken.map(({ path, nameless }) => [path, nameless]),
    names.map((path) => [path, reason]),
  );
  await assert.rejects(survey(join(folder, "scan.nii.gz")), {
    name: "PrepareError",
    message: /found a pipe, a socket or a device\. Check the path\.$/,
  });
});

test("a pipe or a device that a flag names is refused, not read for ever", (t) => {
  const pipe = join(temporaryFolder(t), "labels.csv");
  execFileSync("mkfifo", [pipe]);
  const message = /it is a pipe, a socket or a device, not a file: save its content in a file first/;
  for (const file of [pipe, "/dev/zero"]) {
    assert.throws(() => readTable(file), { name: "TableError", message });
    assert.throws(() => readPredictions(file), { name: "PredictionsError", message });
    assert.throws(() => readSalt(file), { name: "PrepareError", message });
    assert.throws(() => loadConfig({ file }), { name: "ConfigError", message });
  }
});

test("a file whose name is as long as the file system allows can be written", (t) => {
  for (const name of ["x".repeat(255), "é".repeat(127)]) {
    const path = join(temporaryFolder(t), name);
    writeFileAtomic(path, "whole");
    assert.equal(readFileSync(path, "utf8"), "whole");
  }
});

test("what could not be written after minutes of work is refused before them, by its name", (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "plain"), "");
  assert.doesNotThrow(() => refuseUnwritable(join(folder, "new.html"), "file"));
  assert.doesNotThrow(() => refuseUnwritable(join(folder, "plain"), "file"));
  assert.doesNotThrow(() => refuseUnwritable(folder, "folder"));
  for (const [path, kind, code] of [
    [folder, "file", "EISDIR"],
    [join(folder, "plain/below.html"), "file", "ENOTDIR"],
    [join(folder, "nowhere/a.html"), "file", "ENOENT"],
    [join(folder, "plain"), "folder", "ENOTDIR"],
  ] as const) {
    const error = explained(thrown(() => refuseUnwritable(path, kind)));
    assert.ok(
      error instanceof SystemError && error.code === code && error.message.startsWith(`${path}: `),
      code,
    );
  }
});

test("a command that is started in a folder that no longer exists has a clear error", () => {
  const error = Object.assign(new Error("ENOENT: no such file or directory, uv_cwd"), {
    code: "ENOENT",
    syscall: "uv_cwd",
  });
  assert.match(
    String(explained(error)),
    /the folder that the command was started in no longer exists\. Change to an existing folder/,
  );
});
