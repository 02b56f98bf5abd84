/** `evaluate` on a run that was trained here: protocols, the ledger, its files, subgroups, baselines, pictures. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { liveTensors, scope } from "@slicestack/torch";
import { evaluate } from "../../src/tasks/evaluate.js";
import { measureCost } from "../../src/evaluate/measure-cost.js";
import { readMetrics } from "../../src/evaluate/metrics-file.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { readSafetensors } from "../../src/weights/safetensors.js";

import { readRecord, runPaths } from "../../src/run/folder.js";
import { readLedger } from "../../src/run/ledger.js";
import { datasetSource } from "../../src/input/source.js";
import { loadFromRun, openModel } from "../../src/predict/open-model.js";
import { predictorOf } from "../../src/predict/predictor.js";
import { specOfRun } from "../../src/models/spec-file.js";
import { openRun } from "../../src/run/open-run.js";
import { train } from "../../src/tasks/train.js";
import { scratch, smallConfig, smallDataset } from "../train/support.js";
import { openPage, skipWithoutChromium } from "./chromium.js";

const folder = scratch();
const run = join(folder, "run");
const script = new URL("../../../../../scripts/recompute_report.py", import.meta.url).pathname;
const text = (...parts: string[]) => readFileSync(join(run, ...parts), "utf8");

before(async () => {
  const data = await smallDataset(folder);
  const config = smallConfig({ "slice.epochs": "1", "head.epochs": "2" });
  await train({ config, data, out: run, command: "slicestack train --config small.yaml" });
});

test("the paper protocol scores val, leaves test unread, and says so; --no-images leaves no picture of a scan", async () => {
  const { metrics, report, table } = await evaluate({
    run,
    protocol: "paper",
    images: false,
    resamples: 100,
  });
  assert.equal(report, join(run, "paper/report.html"));
  assert.deepEqual(metrics.test, []);
  assert.ok(metrics.val.length > 0 && table.includes("val: "));
  assert.deepEqual(readLedger(run), { count: 0, reads: [] });
  assert.ok(readPredictions(join(run, "paper/predictions.csv")).every(({ part }) => part === "val"));
  const page = text("paper/report.html");
  assert.match(page, /These scores are too optimistic/);
  assert.match(page, /test part has not been read/);
  assert.ok(!page.includes("data:image"));
  assert.ok(metrics.failures.length > 0 && page.includes("Most confident errors"));
});

test("the clean protocol enters the ledger each time, with when, by which command and which weights", async () => {
  const before = Date.now();
  await evaluate({ run, command: "slicestack evaluate run", resamples: 100 });
  const [read] = readLedger(run).reads;
  assert.equal(read?.command, "slicestack evaluate run");
  assert.ok(Date.parse(read.time) >= before - 1000 && Date.parse(read.time) <= Date.now());
  assert.deepEqual(Object.keys(read.weights), ["slice", "volume"]);
  await evaluate({ run, command: "slicestack evaluate run --again", resamples: 100 });
  const { count, reads } = readLedger(run);
  assert.deepEqual([count, reads.length, readRecord(run).testReads], [2, 2, 2]);
  const page = text("report.html");
  assert.match(page, /has been read 2 times/);
  assert.match(page, /slicestack evaluate run --again/);
});

test("both protocols stand side by side, and the optimism is what lies between them", () => {
  const { protocols, val, test: tested } = readMetrics(runPaths(run).summary);
  assert.deepEqual(
    protocols?.map(({ model }) => model),
    ["2d_vote", "2d_count", "2.5d"],
  );
  for (const { model, paper, clean, optimism } of protocols ?? []) {
    const of = (all: typeof val) => all.find((one) => one.model === model)!.metrics.balancedAccuracy.value;
    assert.equal(paper.balancedAccuracy!.value, of(val));
    assert.equal(clean.balancedAccuracy!.value, of(tested));
    assert.ok(Math.abs(optimism.balancedAccuracy!.value - (of(val) - of(tested))) < 1e-12);
  }
});

test("every file that an evaluation leaves; scikit-learn agrees with its numbers", (t) => {
  for (const name of [
    "predictions.csv",
    "slice_votes.csv",
    "metrics.json",
    "cost.json",
    "tables.md",
    "tables.tex",
    "model-card.md",
    "checklist.md",
    "report.html",
    "test-reads.jsonl",
  ])
    assert.ok(existsSync(join(run, name)), name);
  for (const figure of [
    "models",
    "roc",
    "precision_recall",
    "risk_coverage",
    "vote_sweep",
    "protocols",
    "training",
  ])
    for (const type of ["svg", "png"]) assert.ok(existsSync(join(run, `figures/${figure}.${type}`)), figure);
  if (spawnSync("/usr/bin/python3", ["-c", "import sklearn, scipy"]).status !== 0)
    return t.skip("python3-sklearn is absent: the numbers were not recomputed");
  const { status, stdout } = spawnSync("/usr/bin/python3", [script, run, "--resamples", "0"], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout);
});

test(
  "the report of a real run in Chromium: no complaint, no request, every picture with its words",
  { skip: skipWithoutChromium, timeout: 120_000 },
  async () => {
    const { complaints, requests } = await openPage(text("report.html"), async (page) => {
      assert.ok((await page.locator(".failures img").count()) > 0);
      for (const picture of await page.locator("img").all())
        assert.ok(((await picture.getAttribute("alt")) ?? "").length > 30);
      for (const figure of await page.locator("svg").all()) {
        assert.equal(await figure.getAttribute("role"), "img");
        assert.ok(((await figure.locator("desc").first().textContent()) ?? "").length > 30);
      }
      assert.ok((await page.evaluate<number>("document.images[0].naturalWidth")) > 1);
    });
    assert.deepEqual({ complaints, requests }, { complaints: [], requests: [] });
  },
);

test("subgroups: a site without being asked, any other column by name; an unknown one is refused before anything is read", async () => {
  assert.deepEqual(
    readMetrics(runPaths(run).summary).subgroups.map(({ column }) => column),
    ["site", "sex", "age"],
  );
  const { metrics } = await evaluate({
    run,
    protocol: "paper",
    subgroups: ["unit"],
    baseline: ["mean_lung_hu"],
    resamples: 50,
  });
  assert.deepEqual(
    metrics.subgroups.map(({ column, groups }) => [column, groups.map(({ name }) => name)]),
    [["unit", ["HU"]]],
  );
  assert.ok(metrics.val.some(({ model }) => model === "metadata"));
  const reads = readLedger(run).count;
  await assert.rejects(
    evaluate({ run, subgroups: ["scanner"] }),
    /column scanner is missing; the columns are id, subject, .*site, sex, age/,
  );
  await assert.rejects(evaluate({ run, protocol: "paper", data: folder }), /expected clean/);
  assert.equal(readLedger(run).count, reads);
});

test("cost: the parameters are those in the files, the FLOPs those of every slice; no tensor is left", () => {
  const opened = openRun(run);
  const compute = { device: "cpu", bfloat16: false, threads: 1 };
  const before = liveTensors();
  const volumes = opened.task.parts.val;
  const cost = (() => {
    using model = openModel(specOfRun(run, opened), loadFromRun(run, opened), "cpu");
    using predictor = predictorOf(model, datasetSource(opened.dataset), compute);
    return measureCost(model.spec, predictor, volumes, compute);
  })();
  assert.equal(liveTensors(), before);
  const stored = (["slice", "volume"] as const).map((stage) =>
    scope(() => {
      const { tensors } = readSafetensors(runPaths(run).best(stage));
      const learnt = [...tensors].filter(([name]) => !/running_|num_batches/.test(name));
      return learnt.reduce((sum, [, tensor]) => sum + tensor.shape.reduce((a, b) => a * b, 1), 0);
    }),
  );
  assert.deepEqual(
    cost.parts.map(({ parameters }) => parameters),
    stored,
  );
  assert.equal(cost.parts[0]!.timesAVolume, 8);
  assert.ok(cost.secondsAVolume > 0 && cost.timed === Math.min(5, volumes.length));
  const { trainingSeconds, trainingPeakMemory } = JSON.parse(text("cost.json")) as {
    trainingSeconds: number;
    trainingPeakMemory: number;
  };
  assert.ok(trainingSeconds > 0 && trainingPeakMemory > 2 ** 20);
});

test("the model card and the checklist hold what the run knows, and say what it cannot know", () => {
  for (const name of ["model-card.md", "checklist.md"]) {
    const page = text(name);
    assert.match(page, /to be filled in by the authors/);
    assert.match(page, /balanced accuracy \d\.\d\d/);
    assert.match(page, /read 2 times/);
  }
  const rows = text("checklist.md")
    .split("\n")
    .filter((line) => line.startsWith("| "));
  for (const row of rows) assert.equal(row.split(/(?<!\\)\|/).length, 6, row);
});
