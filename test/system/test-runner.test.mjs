/** The test runner counts and names what happens: shown on small test files written for it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";

const runner = resolve("scripts/test.mjs");
const head = 'import { test, describe, it, after } from "node:test";\n';
const wait = "await new Promise((done) => setTimeout(done, 50));";

/** Writes the files, runs the runner in their folder, and gives its lines. */
function runOn(t, files, { env = {}, args = [] } = {}) {
  const root = mkdtempSync(join(tmpdir(), "runner-"));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [path, body] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), head + body);
  }
  // Inside node:test the variable would make the inner run a part of this one.
  const outer = { ...process.env };
  for (const name of ["NODE_TEST_CONTEXT", "STRICT", "ONLY", "SLICESTACK_LONG"]) delete outer[name];
  const ended = spawnSync(process.execPath, [runner, ...args], {
    cwd: root,
    env: { ...outer, ...env },
    encoding: "utf8",
  });
  const lines = ended.stdout.trimEnd().split("\n");
  return { status: ended.status, text: ended.stdout, last: lines.at(-1), stderr: ended.stderr };
}

test("passes: leaf tests are counted once, however deep they are nested, over all packages", (t) => {
  const nested = `
    describe("outer", () => { describe("inner", () => { it("one", () => {}); it("two", () => {}); }); it("three", () => {}); });
    test("parent", async (t) => { await t.test("child", () => {}); });`;
  const { status, last, text } = runOn(t, {
    "packages/a/dist/test/x/nested.test.js": nested,
    "packages/a/test/x/nested.test.ts": "",
    "test/system/plain.test.mjs": 'test("p", () => {});',
  });
  assert.equal(last, "5 passed, 0 failed, 0 skipped");
  assert.match(text, /^packages\/a: 4 passed, 0 failed, 0 skipped$/m);
  assert.match(text, /^ok {3}packages\/a\/test\/x\/nested\.test\.ts {2}4 passed/m);
  assert.equal(status, 0);
});

test("failures: shown whole with the names above them and the file's output; the parent is not counted again", (t) => {
  const body = `
    console.log("seen before it failed");
    test("parent", async (t) => { await t.test("child", () => { throw new Error("told why"); }); });
    describe("hooked", () => { after(() => { throw new Error("bad hook"); }); it("fine", () => {}); });`;
  const { status, last, text } = runOn(t, { "test/system/f.test.mjs": body });
  assert.equal(last, "1 passed, 2 failed, 0 skipped");
  for (const part of [
    /✗ parent > child\n {4}Error: told why\n/,
    /✗ hooked\n {4}Error: bad hook/,
    /seen before it failed/,
  ]) {
    assert.match(text, part);
  }
  assert.equal(status, 1);
});

const skips = `
  test("no card", { skip: "CUDA: no device" }, () => {});
  test("no data", (t) => t.skip("data: absent"));
  test("later", { todo: "write it" }, () => { throw new Error("x"); });
  test("runs", () => {});`;

test("skips and todos: counted, listed with their reasons before the last line, and harmless", (t) => {
  const { status, last, text } = runOn(t, { "test/system/s.test.mjs": skips });
  assert.equal(last, "1 passed, 0 failed, 3 skipped");
  assert.match(text, /^skipped: test\/system\/s\.test\.mjs: no card: CUDA: no device$/m);
  assert.match(text, /: no data: data: absent$/m);
  assert.match(text, /: later: todo: write it$/m);
  assert.equal(status, 0);
});

test("STRICT=1: only a skip for CUDA, MPS, Debian 13 or the Python index is left a skip", (t) => {
  const { status, last, text } = runOn(t, { "test/system/s.test.mjs": skips }, { env: { STRICT: "1" } });
  assert.equal(last, "1 passed, 2 failed, 1 skipped");
  assert.match(text, /CUDA: no device \(allowed under STRICT=1\)$/m);
  assert.match(text, /✗ no data\n {4}skipped under STRICT=1: data: absent/);
  assert.equal(status, 1);
  const allowed = ["MPS: none", "Debian 13: not root", "Python index: no oracles"]
    .map((reason) => `test(${JSON.stringify(reason)}, { skip: ${JSON.stringify(reason)} }, () => {});`)
    .join("\n");
  const second = runOn(t, { "test/system/s.test.mjs": allowed }, { env: { STRICT: "1" } });
  assert.deepEqual([second.last, second.status], ["0 passed, 0 failed, 3 skipped", 0]);
});

test("a file whose process dies, ends early, hangs, does not load or holds no test fails by its name", (t) => {
  const { status, last, text } = runOn(
    t,
    {
      "test/system/crash.test.mjs": `test("p", () => {}); test("f", () => { throw new Error("x"); }); test("boom", async () => { ${wait} process.kill(process.pid, "SIGSEGV"); await new Promise((done) => setTimeout(done, 60_000)); });`,
      "test/system/early.test.mjs": `test("p", () => {}); test("exits", async () => { ${wait} process.exit(0); }); test("never", () => {});`,
      "test/system/empty.test.mjs": "",
      "test/system/hang.test.mjs": 'test("p", () => {}); setInterval(() => {}, 1000);',
      "test/system/syntax.test.mjs": "this is no JavaScript",
    },
    { env: { SLICESTACK_TEST_TIMEOUT: "4" } },
  );
  assert.equal(last, "3 passed, 6 failed, 0 skipped");
  assert.match(
    text,
    /FAIL test\/system\/crash\.test\.mjs[^✗]*✗ f[^✗]*✗ the file itself\n {4}the process was killed by SIGSEGV; 1 test never ended, the first: boom/,
  );
  assert.match(text, /the process ended early; 2 tests never ended, the first: exits/);
  assert.match(text, /the file has no tests/);
  assert.match(text, /timed out after 4000ms/);
  assert.match(text, /SyntaxError/);
  assert.equal(status, 1);
});

test("a file that waits for a cluster runs beside two others", (t) => {
  const comes = `import { existsSync } from "node:fs";
    test("waits", async () => { while (!existsSync("cluster")) await new Promise((done) => setTimeout(done, 20)); });`;
  const { last } = runOn(
    t,
    {
      "test/system/a.test.mjs": comes,
      "test/system/b.test.mjs": comes,
      "test/system/slurm-c.test.mjs": `import { writeFileSync } from "node:fs"; test("ends", () => writeFileSync("cluster", ""));`,
    },
    { env: { SLICESTACK_TEST_TIMEOUT: "60" } },
  );
  assert.equal(last, "3 passed, 0 failed, 0 skipped");
});

test("long files run with --long alone, and see SLICESTACK_LONG=1", (t) => {
  const files = {
    "test/system/a.test.mjs": 'test("short", () => {});',
    "test/system/b.long.test.mjs":
      'test("long", () => { if (process.env.SLICESTACK_LONG !== "1") throw new Error("unset"); });',
  };
  assert.match(runOn(t, files).text, /a\.test\.mjs(?!.*b\.long)/s);
  const { text, last } = runOn(t, files, { args: ["--long"] });
  assert.match(text, /b\.long\.test\.mjs(?!.*\ba\.test)/s);
  assert.equal(last, "1 passed, 0 failed, 0 skipped");
});

test("ONLY and --package choose files; a compiled test without its source is stale; choosing none fails", (t) => {
  const body = 'test("p", () => {});';
  const files = {
    "packages/a/dist/test/x.test.js": body,
    "packages/a/test/x.test.ts": "",
    "packages/a/dist/test/stale.test.js": 'throw new Error("ran");',
    "packages/b/dist/test/y.test.js": body,
    "packages/b/test/y.test.ts": "",
    "test/system/z.test.mjs": body,
  };
  assert.equal(runOn(t, files).last, "3 passed, 0 failed, 0 skipped");
  assert.equal(runOn(t, files, { env: { ONLY: "y\\.test|z" } }).last, "2 passed, 0 failed, 0 skipped");
  assert.equal(runOn(t, files, { args: ["--package", "packages/b"] }).last, "1 passed, 0 failed, 0 skipped");
  const none = runOn(t, files, { env: { ONLY: "nowhere" } });
  assert.deepEqual([none.last, none.status], ["0 passed, 0 failed, 0 skipped", 1]);
});
