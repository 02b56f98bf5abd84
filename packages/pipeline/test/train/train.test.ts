import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { randn, scope, zeros, type Tensor } from "@slicestack/torch";
import { evaluate } from "../../src/tasks/evaluate.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { readTrainingRows } from "../../src/run/training-rows.js";
import { readSafetensors, writeSafetensors } from "../../src/weights/safetensors.js";
import type { Progress } from "../../src/engine/progress.js";
import { ResNet } from "../../src/models/trunks/resnet.js";
import { readRecord, runPaths } from "../../src/run/folder.js";
import { openRun } from "../../src/run/open-run.js";
import { train } from "../../src/tasks/train.js";
import { digest } from "../models/support.js";
import { serve, status } from "../run/server.js";
import { lastWeights, scratch, smallConfig, smallDataset } from "./support.js";

const folder = scratch();
let data = "";
before(async () => {
  data = await smallDataset(folder);
});

const hashOf = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");
const weightsOf = (run: string) =>
  (["slice", "volume"] as const).flatMap((stage) => [
    hashOf(runPaths(run).best(stage)),
    lastWeights(run, stage),
  ]);

/** Rows of metrics.jsonl without the seconds, which no two runs share. */
const curvesOf = (run: string) =>
  readFileSync(runPaths(run).metrics, "utf8")
    .trim()
    .split("\n")
    .map((line) => ({ ...(JSON.parse(line) as Record<string, unknown>), seconds: 0 }));

test("a run folder contains the documented files, and its report is created from them", async () => {
  const out = join(folder, "whole");
  const seen: string[] = []; // in the order of their reports
  const onProgress = ({ stage }: Progress) => {
    if (stage !== seen.at(-1)) seen.push(stage);
  };
  const result = await train({ config: smallConfig(), data, out, onProgress, keepStates: true });
  assert.equal(result.status, "finished");
  assert.deepEqual(
    seen,
    ["slice stage", "embeddings", "volume stage"],
    "embeddings once, not every epoch (trap 10)",
  );
  const rows = readTrainingRows(runPaths(out).metrics);
  assert.deepEqual(
    rows.map(({ stage, epoch }) => `${stage} ${epoch}`),
    ["slice 0", "slice 1", "volume 0", "volume 1", "volume 2", "volume 3"],
  );

  const { table, report, metrics } = await evaluate({ run: out });
  assert.match(table, /majority class[\s\S]*shortcut baseline[\s\S]*2D vote[\s\S]*2\.5D/);
  assert.match(readFileSync(report, "utf8"), /^<!doctype html>/i);
  assert.equal(metrics.test.length, 5);
  const names = readdirSync(out);
  for (const name of [
    "config.yaml",
    "split.json",
    "run.json",
    "metrics.jsonl",
    "metrics.json",
    "predictions.csv",
    "report.html",
    "figures",
    "checkpoints",
  ]) {
    assert.ok(names.includes(name), `${name} is missing`);
  }
  assert.ok(names.some((name) => name.startsWith("events.out.tfevents.")));
  const predictions = readPredictions(runPaths(out).predictions);
  assert.deepEqual(
    predictions.map(({ model, part }) => `${model} ${part}`),
    [
      "majority val",
      "shortcut val",
      "majority test",
      "shortcut test",
      "2d_vote val",
      "2d_vote test",
      "2d_count val",
      "2d_count test",
      "2.5d val",
      "2.5d test",
    ],
  );
});

test("the same seed twice gives the same weights and curves, byte for byte", async () => {
  const out = join(folder, "again");
  await train({ config: smallConfig(), data, out, keepStates: true });
  assert.deepEqual(weightsOf(out), weightsOf(join(folder, "whole")));
  assert.deepEqual(curvesOf(out), curvesOf(join(folder, "whole")));
});

test("a run that is stopped in the middle of each stage and resumed equals an undisturbed one, byte for byte", async () => {
  const out = join(folder, "stopped");
  const stopAt = (stage: string, done: number) => {
    const controller = new AbortController();
    const onProgress = (progress: Progress) => {
      if (progress.stage === stage && progress.done >= done) controller.abort();
    };
    return { signal: controller.signal, onProgress };
  };
  const first = await train({
    config: smallConfig(),
    data,
    out,
    keepStates: true,
    ...stopAt("slice stage", 2),
  });
  assert.equal(first.status, "stopped");
  const second = await train({
    config: smallConfig(),
    data,
    out,
    keepStates: true,
    resume: true,
    ...stopAt("volume stage", 3),
  });
  const third = await train({ config: smallConfig(), data, out, keepStates: true, resume: true });
  assert.deepEqual([second.status, third.status], ["stopped", "finished"]);
  assert.deepEqual(weightsOf(out), weightsOf(join(folder, "whole")));
  assert.deepEqual(curvesOf(out), curvesOf(join(folder, "whole")));
});

test("every error has a remedy: an occupied folder, no run, another data set, an untrained stage", async () => {
  const whole = join(folder, "whole");
  await assert.rejects(train({ config: smallConfig(), data, out: whole }), /already holds a run.*--resume/s);
  await assert.rejects(
    train({ config: smallConfig({ "slice.epochs": "7", seed: "3" }), data, out: whole, resume: true }),
    /whole.* began with another configuration \(seed: \d+, here 3; slice.epochs: 2, here 7\).*--out/s,
  );
  await assert.rejects(train({ config: smallConfig(), data, out: join(folder, "none"), resume: true }), {
    name: "RunError",
  });
  await assert.rejects(
    train({ config: smallConfig(), data: join(folder, "nowhere"), out: join(folder, "x") }),
    {
      name: "DatasetError",
    },
  );
  assert.ok(!existsSync(join(folder, "x")));
  const half = join(folder, "half");
  await train({ config: smallConfig({ "slice.epochs": "1" }), data, out: half, stage: "slice" });
  await assert.rejects(evaluate({ run: half }), /volume stage is not trained.*--resume/s);
});

test("a run whose data set was moved resumes with the new location, records it, and is evaluated there", async (t) => {
  const whole = join(folder, "whole");
  const far = mkdtempSync(join(tmpdir(), "slicestack-elsewhere-"));
  t.after(() => rmSync(far, { recursive: true, force: true }));
  const moved = join(far, "a", "moved set");
  mkdirSync(join(far, "a"));
  renameSync(data, moved);
  try {
    const remedy =
      /its data set small \([0-9a-f]{12}\) is no longer in .*evaluate .*whole --data FOLDER, or slicestack train --resume/;
    await assert.rejects(evaluate({ run: whole }), { name: "RunError", message: remedy });
    // The data set of the run at another location is not external; from now on the run knows its location.
    const own = await evaluate({ run: whole, data: moved });
    assert.deepEqual([own.report, own.metrics.run.external], [runPaths(whole).report, null]);
    assert.ok(existsSync((await evaluate({ run: whole })).report));
    const config = smallConfig();
    const result = await train({ config, data: moved, out: whole, resume: true });
    assert.equal(result.status, "finished");
    assert.equal(openRun(whole).dataset.directory, moved);
    assert.ok(existsSync((await evaluate({ run: whole })).report));
  } finally {
    renameSync(moved, data);
  }
  // The run does not know of the move back: the data set is found beside the run, by its hash, whatever its name.
  renameSync(data, join(folder, "another name"));
  const { report, metrics } = await evaluate({ run: whole });
  assert.equal(report, runPaths(whole).report);
  assert.equal(metrics.run.external, null);
  renameSync(join(folder, "another name"), data);
  await train({ config: smallConfig(), data, out: whole, resume: true });
});

test("trap 1: the volume stage refuses a slice model that was trained on another split", async () => {
  const half = join(folder, "half");
  const best = runPaths(half).best("slice");
  const bytes = readFileSync(best);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = bytes.toString("latin1", 8, 8 + headerBytes);
  const split = /"split":"([0-9a-f]{64})"/.exec(header)?.[1] ?? "";
  assert.equal(split.length, 64);
  writeFileSync(
    best,
    Buffer.concat([
      bytes.subarray(0, 8),
      Buffer.from(header.replace(split, "0".repeat(64)), "latin1"),
      bytes.subarray(8 + headerBytes),
    ]),
  );
  rmSync(join(runPaths(half).checkpoints("slice"), "best.sha256")); // as of a version that kept no hash of it
  await assert.rejects(
    train({ config: smallConfig({ "slice.epochs": "1" }), data, out: half, stage: "volume", resume: true }),
    /trained on split 000000000000/,
  );
});

test("the published flatten head trains on volumes of one depth", async () => {
  const flat = join(folder, "flat");
  const result = await train({
    config: smallConfig({ "head.model": "flatten", "slice.epochs": "1", "head.epochs": "1" }),
    data,
    out: flat,
  });
  assert.equal(result.status, "finished"); // 8 slices each
});

test("a run starts from checkpoint or slice.pretrained, and a file that does not fit stops it", async () => {
  // At a learning rate too small to move a weight, a run ends with the weights that it began with.
  const still = {
    "slice.epochs": "1",
    "slice.optimizer": "sgd",
    "slice.learning_rate": "1e-30",
    "slice.schedule": "constant",
  };
  const start = (name: string, overrides: Record<string, string>) => {
    const out = join(folder, name);
    return train({ config: smallConfig({ ...still, ...overrides }), data, out, stage: "slice" });
  };
  const learnt = (file: string, prefix = "") =>
    scope(() =>
      [...readSafetensors(file).tensors]
        .filter(([name]) => name.startsWith(prefix) && !/running_|tracked/.test(name))
        .map(([name, tensor]): [string, string] => [name.slice(prefix.length), digest(tensor)]),
    );
  const checkpoint = runPaths(join(folder, "whole")).best("slice");
  await start("from-checkpoint", { checkpoint });
  assert.deepEqual(learnt(runPaths(join(folder, "from-checkpoint")).best("slice")), learnt(checkpoint));
  const startOf = (name: string, key: string) => readRecord(join(folder, name)).environment[key];
  assert.equal(startOf("from-checkpoint", "checkpoint"), `best.safetensors, SHA-256 ${hashOf(checkpoint)}.`);

  const pretrained = join(folder, "resnet18.safetensors");
  scope(() => {
    using trunk = new ResNet(18);
    const weights = new Map<string, Tensor>([
      ["fc.weight", randn([1000, 512])],
      ["fc.bias", randn([1000])],
    ]);
    // No value may be 0: even the smallest step would move it.
    for (const [name, tensor] of trunk.stateDict())
      weights.set(name, tensor.dtype === "float32" ? tensor.add(0.01) : tensor);
    writeSafetensors(pretrained, weights);
  });
  await start("from-pretrained", { "slice.model": "resnet18", "slice.pretrained": pretrained });
  const trunk = learnt(runPaths(join(folder, "from-pretrained")).best("slice"), "resnet.");
  assert.deepEqual(
    trunk,
    learnt(pretrained).filter(([name]) => !name.startsWith("fc.")),
  );
  const recorded = `resnet18.safetensors, SHA-256 ${hashOf(pretrained)}.`;
  assert.equal(startOf("from-pretrained", "slice.pretrained"), recorded);
  // A resumed run does not need its initial weights any more, and keeps their record.
  rmSync(pretrained);
  const resumed = join(folder, "from-pretrained");
  const { config } = openRun(resumed, data);
  await train({ config, data, out: resumed, stage: "slice", resume: true });
  assert.equal(startOf("from-pretrained", "slice.pretrained"), recorded);
  scope(() => writeSafetensors(pretrained, new Map([["fc.bias", zeros([2])]])));

  const refusal = (file: string) => ({
    name: "CheckpointError",
    message: new RegExp(`^${file}: .*does not fit`),
  });
  await assert.rejects(start("refused", { checkpoint: pretrained }), refusal(pretrained));
  const refused = { "slice.model": "resnet18", "slice.pretrained": checkpoint };
  await assert.rejects(start("refused-too", refused), refusal(checkpoint));
});

test("slice.pretrained: if imagenet cannot be downloaded, no run is created", async (t) => {
  const { url, seen } = await serve(t, status(404));
  // Nor may this machine's own copies be found.
  const settings = { SLICESTACK_WEIGHTS_URL: url, SLICESTACK_WEIGHTS: folder, TORCH_HOME: folder };
  const before = Object.keys(settings).map((key): [string, string | undefined] => [key, process.env[key]]);
  Object.assign(process.env, settings);
  t.after(() => {
    for (const [key, value] of before) {
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
    }
  });
  const out = join(folder, "offline");
  const config = smallConfig({ "slice.model": "resnet18", "slice.pretrained": "imagenet" });
  await assert.rejects(train({ config, data, out }), {
    name: "DownloadError",
    message: /resnet18-f37072fd\.pth could not be downloaded: .*put resnet18-f37072fd\.pth \(from https:/,
  });
  assert.deepEqual(seen, ["/resnet18-f37072fd.pth"]);
  assert.equal(existsSync(out), false);
});

test("a diverging run stops with its stage, epoch and step, and what to do", async () => {
  const config = smallConfig({
    "slice.optimizer": "sgd",
    "slice.learning_rate": "1e30",
    "slice.schedule": "constant",
  });
  await assert.rejects(train({ config, data, out: join(folder, "diverged") }), {
    name: "EngineError",
    message:
      /slice stage: the loss is (NaN|Infinity), first non-finite after layer \w+, in epoch 1, step \d+.*learning_rate/s,
  });
});
