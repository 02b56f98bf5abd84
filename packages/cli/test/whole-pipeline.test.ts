/** The commands as a user gives them, each in a process of its own, on generated scans. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { after, test } from "node:test";

const bin = join(import.meta.dirname, "../..", "bin/slicestack.js");
const folder = mkdtempSync(join(tmpdir(), "slicestack-whole-"));
const env = { ...process.env, XDG_CACHE_HOME: join(folder, "cache") };
after(() => rmSync(folder, { recursive: true }));

function slicestack(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd: folder,
    env,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const demo = ["demo", "--out", "demo", "--subjects", "20", "--epochs", "1", "--volume-epochs", "2"];

test("slicestack demo: scans of all five classes, both stages, the table and the report; again replaces it", () => {
  const first = slicestack(...demo);
  assert.equal(first.status, 0, first.stderr);
  for (const row of ["majority class", "shortcut baseline", "2D vote", "2.5D", "2.5D − 2D vote"])
    assert.match(first.stdout, new RegExp(`^${row.replace(".", "\\.")} +[+−]?\\d\\.\\d\\d`, "m"));
  assert.match(first.stdout, /^Report: .*demo\/run\/report\.html$/m);
  const labels = readFileSync(join(folder, "demo/scans/labels.csv"), "utf8");
  for (const name of ["CT-0", "CT-1", "CT-2", "CT-3", "CT-4"]) assert.ok(labels.includes(`,${name},`), name);
  assert.match(readFileSync(join(folder, "demo/run/report.html"), "utf8"), /shortcut baseline/);

  const again = slicestack(...demo, "--json");
  assert.equal(again.status, 0, again.stderr);
  const json = JSON.parse(again.stdout) as { metrics: { test: { model: string }[] } };
  assert.deepEqual(
    json.metrics.test.map(({ model }) => model),
    ["majority", "shortcut", "2d_vote", "2.5d"],
  );
});

test("slicestack demo leaves a folder that is not its own alone", () => {
  mkdirSync(join(folder, "mine/run"), { recursive: true });
  writeFileSync(join(folder, "mine/run/thesis.txt"), "years of work");
  const refused = slicestack("demo", "--out", "mine", "--subjects", "20");
  assert.equal(refused.status, 3);
  assert.match(refused.stderr, /mine\/run.*was not made by the demo.*--out/s);
  assert.deepEqual(readdirSync(join(folder, "mine")), ["run"]);
  assert.equal(readFileSync(join(folder, "mine/run/thesis.txt"), "utf8"), "years of work");
});

test("Ctrl-C ends training after the step, saved, with 130 and the command that goes on; going on equals no stop", async () => {
  writeFileSync(
    join(folder, "small.yaml"),
    `
threads: 1
slice: {model: slice_cnn, epochs: 25, batch_size: 16, slices_per_volume: 4, dropout: 0.2}
volume: {head: attention, epochs: 3}
`,
  );
  const train = ["train", "--config", "small.yaml", "--data", "demo/data", "--out"];
  const child = spawn(process.execPath, [bin, ...train, "stopped"], { cwd: folder, env });
  let stderr = "";
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
  const state = join(folder, "stopped/checkpoints/slice/last.state");
  while (!existsSync(state) && child.exitCode === null) await setTimeout(20);
  child.kill("SIGINT");
  assert.equal(await ended, 130, stderr);
  const command = /Stopped and saved\. To go on: slicestack (train --resume stopped|train --resume \S+)$/m.exec(
    stderr,
  )?.[1];
  assert.ok(command !== undefined, stderr);
  const left = readdirSync(join(folder, "stopped"), { recursive: true, encoding: "utf8" });
  assert.deepEqual(
    left.filter((name) => /tmp|partial|~/.test(name)),
    [],
  );
  assert.ok(!existsSync(join(folder, "stopped/checkpoints/volume/best.safetensors")), "stopped in the slice stage");

  const resumed = slicestack(...command.split(" "));
  assert.equal(resumed.status, 0, resumed.stderr);
  const undisturbed = slicestack(...train, "whole");
  assert.equal(undisturbed.status, 0, undisturbed.stderr);
  for (const file of ["slice/best", "slice/last", "volume/best", "volume/last"]) {
    const [one, other] = ["stopped", "whole"].map((run) =>
      readFileSync(join(folder, run, `checkpoints/${file}.safetensors`)),
    );
    assert.ok(one !== undefined && other !== undefined && one.equals(other), file);
  }
});
