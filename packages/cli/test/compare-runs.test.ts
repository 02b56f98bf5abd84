/** `compare` and `runs` as a user types them, on folders that hold no run that was scored; what they do with runs: pipeline/test/evaluate. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CommandFolder } from "./command.js";

const folder = new CommandFolder();

test("compare: one run is a wrong use, a folder that was not scored cannot be used, and each says what to do", () => {
  const one = folder.run("compare", "a");
  assert.equal(one.status, 2, one.stderr);
  assert.match(one.stderr, /at least two runs/);
  const none = folder.run("compare", "a", "b");
  assert.equal(none.status, 3, none.stderr);
  assert.match(none.stderr, /metrics\.json: not found\. Score the run first: slicestack evaluate/);
  const metric = folder.run("compare", "a", "b", "--metric", "speed");
  assert.equal(metric.status, 2, metric.stderr);
  assert.match(metric.stderr, /expected one of accuracy, balancedAccuracy/);
});

test("runs: a broken run is listed with its problem; JSON on request; a wrong key is refused", () => {
  mkdirSync(join(folder.path, "runs/half"), { recursive: true });
  writeFileSync(join(folder.path, "runs/half/run.json"), "{}");
  assert.match(folder.succeed("runs"), /^half +half +broken[^]*^half: .*run\.json: version/m);
  const { runs } = JSON.parse(folder.succeed("runs", "runs", "--json")) as {
    runs: { folder: string; status: string }[];
  };
  assert.deepEqual(
    runs.map((run) => [run.folder, run.status]),
    [["half", "broken"]],
  );
  assert.equal(folder.succeed("runs", "--filter", "status=scored").trim(), "No runs found.");
  assert.equal(folder.run("runs", "--sort", "size").status, 2);
  assert.equal(folder.run("runs", "--filter", "size=3").status, 2);
});

test("evaluate: the paper protocol cannot be combined with other data", () => {
  const { status, stderr } = folder.run("evaluate", "run", "--protocol", "paper", "--data", "other");
  assert.equal(status, 2, stderr);
  assert.match(stderr, /cannot be combined with --data/);
});
