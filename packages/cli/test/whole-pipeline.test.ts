/** The whole pipeline through the real command, on generated scans: the demo, and training that is stopped or killed. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { CommandFolder } from "./command.js";

const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);
const text = (...parts: string[]) => readFileSync(at(...parts), "utf8");
const temporaryFiles = (path: string) => folder.list(path).filter((name) => /tmp|partial|~/.test(name));

// Many small steps an epoch, so that a signal after the first epoch comes long before the end.
const demo = ["--subjects", "20", "--epochs", "3", "--volume-epochs", "2", "--set", "threads=1"];
const smallSteps = ["--slice.batch_size", "4", "--slice.slices_per_volume", "12"];
const demoInto = (out: string) => ["demo", "--out", out, ...demo, ...smallSteps];
const firstEpochSaved = (run: string) => () => existsSync(at(run, "checkpoints/slice/last.json"));

test("Ctrl-C while the demo generates its scans: 130, only its marker is left", async () => {
  const begun = () => folder.list("demo").some((name) => name.includes(".tmp/") && name.endsWith(".nii.gz"));
  const { status, stdout, stderr } = await folder.interrupt(demoInto("demo"), "SIGINT", begun);
  assert.deepEqual([status, stdout], [130, ""], stderr);
  assert.match(stderr, /^slicestack demo: stopped; the same command starts it again$/m);
  assert.deepEqual(folder.list("demo"), [".slicestack"]);
});

test("the same command then runs: scans of all five classes, both stages, the table and the report", () => {
  const stdout = folder.succeed(...demoInto("demo"));
  for (const row of ["majority class", "shortcut baseline", "2D vote", "2.5D", "2.5D − 2D vote"])
    assert.match(stdout, new RegExp(`^${row.replace(".", "\\.")} +[+−]?\\d\\.\\d\\d`, "m"));
  assert.match(stdout, /^Report: .*demo\/run\/report\.html$/m);
  const classes = new Set(text("demo/scans/labels.csv").match(/CT-\d/g));
  assert.deepEqual([...classes].sort(), ["CT-0", "CT-1", "CT-2", "CT-3", "CT-4"]);
  assert.match(text("demo/run/report.html"), /shortcut baseline/);
  assert.deepEqual(temporaryFiles("demo"), []);
});

test("Ctrl-C while the demo trains: the two commands that it prints end it as one that was not stopped", async () => {
  const { status, stderr } = await folder.interrupt(
    demoInto("a demo"),
    "SIGINT",
    firstEpochSaved("a demo/run"),
  );
  assert.equal(status, 130, stderr);
  const printed = [...stderr.matchAll(/^ {2}slicestack (train --resume|evaluate) '(.*)'$/gm)];
  assert.deepEqual(
    printed.map(([, command, run]) => [command, run]),
    [
      ["train --resume", "a demo/run"],
      ["evaluate", "a demo/run"],
    ],
    stderr,
  );
  for (const [, command = "", run = ""] of printed) folder.succeed(...command.split(" "), run);
  assert.equal(text("a demo/run/predictions.csv"), text("demo/run/predictions.csv"));
  assert.match(text("a demo/run/report.html"), /^<!doctype html>/i);
});

test("a second demo replaces scans, data and run whole, and leaves what else stands beside them", () => {
  cpSync(at("demo/scans/0001.nii.gz"), at("demo/scans/stale.nii.gz"));
  writeFileSync(at("demo/run/stale.txt"), "");
  writeFileSync(at("demo/notes.txt"), "kept");
  const args = ["--subjects", "12", "--epochs", "1", "--volume-epochs", "2", "--set", "threads=1", "--json"];
  const json = JSON.parse(folder.succeed("demo", "--out", "demo", ...args)) as {
    metrics: { test: { model: string }[] };
  };
  assert.deepEqual(
    json.metrics.test.map(({ model }) => model),
    ["majority", "shortcut", "2d_vote", "2d_count", "2.5d"],
  );
  const ids = text("demo/scans/labels.csv").match(/^\d{4}(?=,)/gm) ?? [];
  assert.ok(ids.length >= 12);
  assert.deepEqual(
    folder.list("demo/scans"),
    [".slicestack", ...ids.map((id) => `${id}.nii.gz`), "labels.csv"].sort(),
  );
  assert.ok(!existsSync(at("demo/run/stale.txt")));
  assert.equal(text("demo/notes.txt"), "kept");
});

for (const file of ["run/thesis.txt", "run/run.json", "data/dataset.json", "scans/labels.csv"]) {
  test(`the demo leaves a folder alone that somebody else filled: ${file}`, () => {
    const mine = `mine-${file.replace("/", "-")}`;
    const [part = ""] = file.split("/");
    mkdirSync(at(mine, dirname(file)), { recursive: true });
    writeFileSync(at(mine, file), "years of work");
    const { status, stdout, stderr } = folder.run("demo", "--out", mine, "--subjects", "20");
    assert.deepEqual([status, stdout], [3, ""], stderr);
    assert.match(
      stderr,
      new RegExp(
        `${mine}: expected a new or empty folder, but it contains ${part}, which Slicestack did not write`,
      ),
    );
    assert.deepEqual(folder.list(mine), [part, file]);
    assert.equal(text(mine, file), "years of work");
  });
}

const stages = ["slice", "volume"];
const files = stages.map((stage) => `checkpoints/${stage}/best.safetensors`);
const train = ["train", "--config", "small.yaml", "--data", "demo/data", "--out"];

/** Rows of metrics.jsonl without their seconds, which no two runs share. */
const curves = (run: string) => text(run, "metrics.jsonl").replaceAll(/"seconds":[^,}]*/g, "");

function assertSameRun(run: string, other: string): void {
  for (const name of [...files, "predictions.csv", "metrics.json", "config.yaml", "split.json"])
    assert.ok(
      readFileSync(at(run, name)).equals(readFileSync(at(other, name))),
      `${name} of ${run} and ${other}`,
    );
  // States are held against each other in packages/pipeline/test/train: a run that is trained keeps none.
  for (const stage of stages)
    assert.deepEqual(readdirSync(at(run, "checkpoints", stage)).sort(), [
      "best.safetensors",
      "best.sha256",
      "last.json",
    ]);
  assert.equal(curves(run), curves(other));
}

const statusOf = (run: string) => (JSON.parse(text(run, "run.json")) as { status: string }).status;

test("Ctrl-C ends training after the step, saved, with 130 and the command that resumes; resuming equals an uninterrupted training", async () => {
  writeFileSync(
    at("small.yaml"),
    `
threads: 1
slice: {model: slice_cnn, epochs: 3, batch_size: 4, slices_per_volume: 12, dropout: 0.2}
head: {model: attention, epochs: 3}
`,
  );
  folder.succeed(...train, "whole");
  folder.succeed("evaluate", "whole");

  const first = await folder.interrupt([...train, "stopped", "--json"], "SIGINT", firstEpochSaved("stopped"));
  assert.equal(first.status, 130, first.stderr);
  const run = at("stopped");
  assert.deepEqual(JSON.parse(first.stdout), {
    run,
    status: "stopped",
    best: { slice: bestScore("stopped") },
  });
  assert.match(first.stderr, /^stopping after this step; press again to quit at once$/m);
  const command = /^Stopped and saved\. To resume: slicestack (train --resume (\S+))$/m.exec(first.stderr);
  assert.equal(command?.[2], "stopped", first.stderr);
  assert.equal(statusOf("stopped"), "stopped");
  assert.deepEqual(temporaryFiles("stopped"), []);
  const checkpoints = folder.list("stopped/checkpoints").filter((name) => name.includes("/"));
  assert.deepEqual(checkpoints, [
    "slice/best.safetensors",
    "slice/best.sha256",
    "slice/last.1.state",
    "slice/last.2.state",
    "slice/last.json",
  ]);

  folder.succeed(...(command?.[1] ?? "").split(" "));
  assert.equal(statusOf("stopped"), "trained");
  folder.succeed("evaluate", "stopped");
  assertSameRun("stopped", "whole");
});

/** Best macro F1 on validation of the slice stage, by its own curve. */
function bestScore(run: string): number {
  const rows = text(run, "metrics.jsonl").trim().split("\n");
  return Math.max(...rows.map((row) => (JSON.parse(row) as { val_macro_f1: number }).val_macro_f1));
}

test("a run that was killed resumes from its last complete epoch, to the same bytes", async () => {
  const { status } = await folder.interrupt([...train, "killed"], "SIGKILL", firstEpochSaved("killed"));
  assert.equal(status, null);
  assert.equal(statusOf("killed"), "training");
  folder.succeed("train", "--resume", "killed");
  folder.succeed("evaluate", "killed");
  assertSameRun("killed", "whole");
});
