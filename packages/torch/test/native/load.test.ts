import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildFolder, type BuildRecord } from "../../src/native/record.js";
import { repository } from "../support.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-load-"));
after(() => rmSync(folder, { recursive: true }));
const index = new URL("../../src/index.js", import.meta.url).href;

/** The name and message of what the first use throws in a process with this build folder. */
function firstUse(
  build: string,
  env: Record<string, string> = {},
): { imported: boolean; name: string; message: string } {
  const code = `
    const torch = await import("${index}");
    let said = { imported: true, name: "none", message: "" };
    try { torch.zeros([1]).dispose(); } catch (error) { said = { imported: true, name: error.name, message: error.message }; }
    console.log(JSON.stringify(said));`;
  const options = {
    encoding: "utf8",
    env: { ...process.env, SLICESTACK_TORCH_BUILD: build, ...env },
  } as const;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], options);
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout) as ReturnType<typeof firstUse>;
}

/** A build folder with the real addon and a changed record. */
function buildWith(name: string, change: (record: BuildRecord) => BuildRecord): string {
  const made = join(folder, name);
  mkdirSync(made);
  const record = JSON.parse(readFileSync(join(buildFolder, "record.json"), "utf8")) as BuildRecord;
  copyFileSync(join(buildFolder, record.addon), join(made, record.addon));
  writeFileSync(join(made, "record.json"), JSON.stringify(change(record)));
  return made;
}

test("load: without libtorch the import works, and the first use throws LibtorchNotFoundError with the list and the remedy", () => {
  const { imported, name, message } = firstUse(join(folder, "empty"), { LIBTORCH: "/nonexistent" });
  assert.ok(imported);
  assert.equal(name, "LibtorchNotFoundError");
  assert.match(message, /LIBTORCH=\/nonexistent: no include\/ATen\/ATen\.h/);
  assert.match(message, /apt-get install libtorch-dev/);
});

test("load: an unbuilt addon says which libtorch is there and how to build", () => {
  const { name, message } = firstUse(join(folder, "empty"));
  assert.equal(name, "LibtorchNotFoundError");
  assert.match(message, /libtorch \d+\.\d+\.\d+ is at/);
  assert.match(message, /npx slicestack-torch-build/);
});

test("load: a built addon loads from any folder", () => {
  assert.equal(firstUse(buildWith("same", (record) => record)).name, "none");
});

test("load: a library that changed since the build asks for a new build", () => {
  const { name, message } = firstUse(
    buildWith("changed", (record) => ({ ...record, fingerprint: "another library" })),
  );
  assert.equal(name, "LibtorchNotFoundError");
  assert.match(message, /the addon was built for another library/);
  assert.match(message, /npx slicestack-torch-build/);
});

test("load: a broken addon file is named", () => {
  const build = buildWith("broken", (record) => ({ ...record, addon: "broken.node" }));
  writeFileSync(join(build, "broken.node"), "no library");
  const { name, message } = firstUse(build);
  assert.equal(name, "LibtorchNotFoundError");
  assert.match(message, /broken\.node: /);
});

test(
  "load: where the process may not take the memory, the limit is named and no new build is asked for",
  { skip: process.platform !== "linux" },
  () => {
    const code = `const torch = await import("${index}"); try { torch.zeros([1]).dispose(); } catch (error) { console.log(error.message); }`;
    // How much Node itself takes differs between builds of it: the first limit that lets it start is enough.
    const limits = [900_000, 1_100_000, 1_300_000, 1_500_000, 1_700_000];
    const script = 'ulimit -v "$2"; exec "$0" --input-type=module -e "$1"';
    const run = (limit: number) =>
      spawnSync("bash", ["-c", script, process.execPath, code, String(limit)], { encoding: "utf8" });
    const started = limits.map(run).find(({ stdout }) => stdout !== "");
    assert.ok(started !== undefined, "Node started under none of these limits");
    assert.match(started.stdout, /Raise its limit: ulimit -v unlimited$/m, started.stderr);
    assert.doesNotMatch(started.stdout, /slicestack-torch-build/);
  },
);

test("build: `--optional` ends with 0 where libtorch is missing, and without it with 5; both say what to do", () => {
  const tool = join(repository, "packages/torch/bin/slicestack-torch-build.js");
  const env = { ...process.env, LIBTORCH: "/nonexistent", SLICESTACK_TORCH_BUILD: join(folder, "never") };
  for (const [flags, code] of [
    [["--optional"], 0],
    [[], 5],
  ] as const) {
    const { status, stderr } = spawnSync(
      process.execPath,
      [fileURLToPath(new URL(`file://${tool}`)), ...flags],
      {
        encoding: "utf8",
        env,
      },
    );
    assert.equal(status, code);
    assert.match(stderr, /LIBTORCH=\/nonexistent.*apt-get install libtorch-dev/s);
  }
});
