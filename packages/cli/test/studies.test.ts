/** ablate and learning-curve through the real command: in one folder, killed and resumed, refused where wrong. */
import assert from "node:assert/strict";
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
  const { status } = await folder.interrupt(["learning-curve", ...study, "--shares", "50%,100%"], "SIGKILL", begun);
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
