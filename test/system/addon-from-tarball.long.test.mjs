/** A project outside of the repository compiles the addon from the packed tarball at its first use, and computes with it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { declared, install, packAll } from "./packed.mjs";

const PROGRAM = `
import { fromTypedArray, scope } from "@slicestack/torch";
scope(() => console.log(JSON.stringify(fromTypedArray(Float32Array.of(1, 2, 3), [3]).mul(2).toArray())));
`;

test("first the program says which command builds the addon; that command builds it; then the program computes", () => {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-tarball-"));
  try {
    const packed = packAll(folder);
    const torch = packed.get("@slicestack/torch");
    const project = join(folder, "project");
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), '{ "type": "module", "private": true }');
    writeFileSync(join(project, "double.js"), PROGRAM);
    install(project, torch.filename, "@slicestack/torch", { linked: declared(torch) });
    const addon = join(project, "node_modules/@slicestack/torch/build");
    assert.ok(!existsSync(addon), "nothing that is compiled is packed");
    const run = (...args) => spawnSync(process.execPath, args, { cwd: project, encoding: "utf8" });
    const before = run("double.js");
    assert.equal(before.status, 1);
    assert.match(before.stderr, /slicestack-torch-build/);
    const built = run("node_modules/@slicestack/torch/bin/slicestack-torch-build.js");
    assert.equal(built.status, 0, built.stderr + built.stdout);
    assert.ok(existsSync(addon));
    const after = run("double.js");
    assert.deepEqual([after.status, after.stdout.trim()], [0, "[2,4,6]"], after.stderr);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
