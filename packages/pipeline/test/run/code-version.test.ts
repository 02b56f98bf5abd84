/** Which code computed a result: the commit of a checkout, and whether files differ from it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { commitOf } from "../../src/run/code-version.js";

test("the commit of a checkout, dirty where a tracked file differs; another file or folder does not count", (t) => {
  const root = mkdtempSync(join(tmpdir(), "slicestack-checkout-"));
  t.after(() => rmSync(root, { recursive: true }));
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", root, "-c", "user.name=a", "-c", "user.email=a@b.c", ...args], {
      encoding: "utf8",
    }).trim();
  assert.equal(commitOf(root), null, "an installed package");
  git("init", "--quiet");
  assert.equal(commitOf(root), null, "nothing is committed yet");
  writeFileSync(join(root, "loss.ts"), "1");
  git("add", ".");
  git("commit", "--quiet", "--message", "first");
  const commit = git("rev-parse", "HEAD");
  assert.match(commit, /^[0-9a-f]{40}$/);
  assert.equal(commitOf(root), commit);
  writeFileSync(join(root, "notes.txt"), "not tracked");
  assert.equal(commitOf(root), commit);
  process.env["GIT_DIR"] = join(root, "nowhere");
  t.after(() => delete process.env["GIT_DIR"]);
  writeFileSync(join(root, "loss.ts"), "2");
  assert.equal(commitOf(root), `${commit}-dirty`);
});
