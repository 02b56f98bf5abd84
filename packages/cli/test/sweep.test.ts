/** sweep run through the real command, with real trainings: killed and resumed, asked from beside, with its exit codes. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import type { SweepStatus } from "@slicestack/pipeline/internal";
import { CommandFolder } from "./command.js";
import { smallConfig, smallData } from "./small-data.js";

const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);

before(async () => {
  await smallData(folder.path);
  writeFileSync(at("small.yaml"), smallConfig);
  writeFileSync(
    at("heads.yaml"),
    "name: heads\nconfig: small.yaml\nobjective: accuracy\nsettings: {slice.epochs: 1, head.epochs: 1}\nspace: {head.model: [attention, mean]}\n",
  );
});

test("killed in a trial, the same command finishes the sweep; its status, its table and its runs say so", async () => {
  const args = ["sweep", "run", "heads.yaml", "--data", "data", "--out", "out"];
  const begun = () => existsSync(at("out/trials/000000/run/run.json"));
  assert.equal((await folder.interrupt(args, "SIGKILL", begun)).status, null);
  const { status, stdout, stderr } = folder.run(...args);
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    /^2\/2 trials {2}best accuracy [\d.]+ \(point \d\)\nBest point on the validation set: \d \(head\.model: \w+\)/,
  );
  assert.match(stderr, /000001 {2}head\.model mean, seed 0: finished: accuracy [\d.]+ in \d:\d\d/);
  const found = JSON.parse(folder.succeed("sweep", "status", "out", "--json")) as SweepStatus;
  assert.deepEqual(
    [found.finished, found.counts.done, found.running.length, found.isPaused],
    [2, 2, 0, false],
  );
  const slices = ["000000", "000001"].map((id) =>
    readFileSync(at(`out/trials/${id}/run/checkpoints/slice/best.safetensors`)),
  );
  assert.ok(slices[0]!.equals(slices[1]!), "one slice stage");
});

test("a disk that fills up in mid-sweep: no trial fails by it, the file is named, and with more space all are as without", (t) => {
  mkdirSync(at("disk"));
  const mount = (options: string) =>
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", at("disk")], { stdio: "ignore" });
  try {
    mount("size=7m"); // enough for one of the two trials
  } catch {
    return t.skip("mounting a small disk needs root");
  }
  t.after(() => execFileSync("umount", ["--lazy", at("disk")]));
  const run = () => folder.run("sweep", "run", "heads.yaml", "--data", "data", "--out", "disk/out");
  const full = run();
  assert.equal(full.status, 3, full.stderr);
  assert.match(
    full.stderr,
    /^slicestack sweep: .*disk\/out\/.*: the disk is full \(ENOSPC\)\. Free some space on it, .*What the trials have trained is kept; run the same command again to resume\.$/m,
  );
  assert.doesNotMatch(full.stderr, /failed/);
  assert.ok(!existsSync(at("disk/out/trials/000001/result.json")));
  mount("remount,size=40m");
  const { status, stdout, stderr } = run();
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^2\/2 trials {2}best accuracy /);
  for (const file of ["000000/val.csv", "000001/val.csv"])
    assert.equal(
      readFileSync(at("disk/out/trials", file), "utf8"),
      readFileSync(at("out/trials", file), "utf8"),
    );
});

test("what cannot be is refused by exit code 2 or 3; pause and cancel answer without a runner", () => {
  assert.equal(folder.run("sweep", "run", "none.yaml").status, 2);
  const { status, stderr } = folder.run("sweep", "status", "data");
  assert.deepEqual([status, /no sweep has been started there/.test(stderr)], [3, true]);
  assert.match(
    folder.succeed("sweep", "pause", "out"),
    /The sweep is paused\. No process is running the sweep\./,
  );
  assert.match(folder.succeed("sweep", "resume", "out"), /The sweep continues\./);
  assert.match(folder.succeed("sweep", "cancel", "out"), /0 trials are cancelled/);
  assert.equal(folder.run("sweep", "cancel", "out", "x1").status, 2);
  assert.equal(folder.run("sweep", "priority", "out", "5", "77").status, 3);
});
