/** ablate and learning-curve through the real command: in one folder, killed and resumed, refused where wrong. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import type { LearningCurveResult } from "@slicestack/pipeline";
import { CommandFolder } from "./command.js";
import { smallConfig, smallData } from "./small-data.js";

const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);
const study = ["study.yaml", "--data", "data", "--out", "study"];

before(async () => {
  await smallData(folder.path);
  writeFileSync(at("small.yaml"), smallConfig);
  writeFileSync(
    at("study.yaml"),
    "name: study\nconfig: small.yaml\nseeds: 1\nmetrics: [accuracy]\nmain: 2.5D\nvariants: {2D: {method: 2d}, 2.5D: {}}\n",
  );
});

test("invalid shares are exit code 2, before anything is written", () => {
  for (const shares of ["0.5", "0,1", "0.5,2", "half,1"]) {
    const { status, stderr } = folder.run("learning-curve", ...study, "--shares", shares);
    assert.equal(status, 2, stderr);
    assert.match(stderr, /at least two shares above 0 and at most 1/);
  }
  assert.ok(!existsSync(at("study")));
});

test("after it was killed during a training, the same command resumes; an ablation in the same folder has nothing left to train", async () => {
  const begun = () => existsSync(at("study/runs/2.5D/seed0/run.json"));
  const { status } = await folder.interrupt(
    ["learning-curve", ...study, "--shares", "50%,100%"],
    "SIGKILL",
    begun,
  );
  assert.equal(status, null);
  const first = readFileSync(at("study/runs/2D/seed0/checkpoints/slice/best.safetensors"));
  const curve = JSON.parse(
    folder.succeed("learning-curve", ...study, "--shares", "50%,100%", "--json"),
  ) as LearningCurveResult;
  assert.deepEqual(
    curve.curve?.points.map(({ share }) => share),
    [0.5, 1],
  );
  assert.ok(first.equals(readFileSync(at("study/runs/2D/seed0/checkpoints/slice/best.safetensors"))));
  assert.match(
    readFileSync(at("study/curve-val.md"), "utf8"),
    /Made by:\n\n```\nslicestack learning-curve study\.yaml/,
  );

  const rows = readFileSync(at("study/runs/2.5D/seed0/metrics.jsonl"), "utf8");
  const table = folder.succeed("ablate", ...study);
  assert.match(table, /^2\.5D − 2D +[+−]?\d\.\d\d \[/m);
  assert.ok(!table.includes("|") && !table.includes("##"), "no raw Markdown on a terminal");
  assert.equal(readFileSync(at("study/runs/2.5D/seed0/metrics.jsonl"), "utf8"), rows);
});

test("with --jobs 2, trainings are processes: the controller is killed, what still trains is taken over, the weights are the same", async () => {
  const both = [
    "learning-curve",
    "study.yaml",
    "--data",
    "data",
    "--shares",
    "50%,100%",
    "--out",
    "parallel",
    "--jobs",
    "2",
  ];
  const begun = () => existsSync(at("parallel/runs/2D/seed0/run.json"));
  const { status } = await folder.interrupt(both, "SIGKILL", begun);
  assert.equal(status, null);
  // Whoever starts a run that another process trains is refused.
  const { stderr } = await folder.start(both);
  assert.match(stderr, /^4\/4 {2}2\.5D, seed 0, 50 %$/m);
  const weights = (out: string) =>
    folder.list(`${out}/runs`).flatMap((name) => {
      if (!name.endsWith("best.safetensors")) return [];
      return [
        `${name} ${createHash("sha256")
          .update(readFileSync(at(out, "runs", name)))
          .digest("hex")}`,
      ];
    });
  assert.equal(weights("parallel").length, 6);
  assert.deepEqual(weights("parallel"), weights("study"));
  const scores = (out: string) => readFileSync(at(out, "curve-val-predictions.csv"), "utf8");
  assert.equal(scores("parallel"), scores("study"));
  // The names of TensorBoard's files hold the time; the study has the files of an ablation, too.
  const files = (out: string) => folder.list(out).filter((name) => !/events\.out|^val[-.]/.test(name));
  assert.deepEqual(files("parallel"), files("study"));
});

test("a training that fails in its process ends the study with the exit code of its error, and names it", async () => {
  writeFileSync(
    at("diverging.yaml"),
    "name: d\nconfig: small.yaml\nseeds: 1\nmain: a\nsettings: {slice.learning_rate: 1e30, slice.optimizer: sgd}\nvariants: {a: {method: 2d}, b: {method: 2d, slice.batch_size: 4}}\n",
  );
  const { status, stderr } = await folder.start([
    "ablate",
    "diverging.yaml",
    "--data",
    "data",
    "--out",
    "d",
    "--jobs",
    "2",
  ]);
  assert.equal(status, 5, stderr);
  assert.match(stderr, /[ab], seed 0: /);
  assert.equal(
    (JSON.parse(readFileSync(at("d/runs/a/seed0/run.json"), "utf8")) as { status: string }).status,
    "stopped",
  );
});

test("--jobs is refused for a single run, and with --procs", () => {
  const train = ["train", "--config", "small.yaml", "--data", "data", "--out", "one", "--jobs", "2"];
  const single = folder.run(...train);
  assert.deepEqual([single.status, existsSync(at("one"))], [2, false], single.stderr);
  assert.match(single.stderr, /--jobs is for a group of runs/);
  const several = folder.run(...train, "--seeds", "2", "--procs", "2");
  assert.equal(several.status, 2, several.stderr);
  assert.match(several.stderr, /omit one/);
});
