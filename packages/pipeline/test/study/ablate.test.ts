/** An ablation of tiny models, run for real: shared slice stages, one reading of test, going on after a stop. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { makeFolds } from "../../src/data/split/folds.js";
import { writeSplit } from "../../src/data/split/split.js";
import { openDataset } from "../../src/data/store.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { readRecord, readRunConfig, runPaths } from "../../src/run/folder.js";
import { decidingSection } from "../../src/config/stages.js";
import { ablate } from "../../src/study/ablate.js";
import { train } from "../../src/tasks/train.js";
import type { Progress } from "../../src/engine/progress.js";
import { scratch, smallConfig, smallDataset } from "../train/support.js";
import { configToYaml } from "../../src/config/to-yaml.js";

const folder = scratch();
let data = "";
const file = join(folder, "ablation.yaml");
before(async () => {
  data = await smallDataset(folder);
  writeFileSync(
    join(folder, "base.yaml"),
    configToYaml(smallConfig({ "slice.epochs": "1", "head.epochs": "2" })),
  );
  writeFileSync(
    file,
    `
name: small
config: base.yaml
seeds: 2
metrics: [quadraticKappa, accuracy]
main: 2.5D
settings: {head.learning_rate: 0.002, network.learning_rate: 0.003}
variants:
  2D: {method: 2d}
  2.5D: {}
  mean: {head.model: mean}
  3D: {method: 3d, network.model: simple, network.epochs: 1}
`,
  );
});

const hashOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

test("variants, seeds and folds give one table; slice stages are shared; test is read once", async () => {
  const out = join(folder, "whole");
  const logged: string[] = [];
  const first = await ablate({ file, data, out, onLog: (line) => logged.push(line) });
  assert.equal(first.status, "finished");
  assert.match(logged[0]!, /^1\/8 {2}2D, seed 0$/);
  const run = (name: string) => join(out, "runs", name, "seed0");
  // One slice stage for the three that have it: the same weights, and no separate state where it was reused.
  assert.equal(hashOf(runPaths(run("2D")).best("slice")), hashOf(runPaths(run("mean")).best("slice")));
  assert.ok(
    !existsSync(runPaths(run("2.5D")).state("slice")) && existsSync(runPaths(run("2D")).state("slice")),
  );
  assert.ok(!existsSync(runPaths(run("3D")).best("slice")));
  assert.deepEqual(
    ["2D", "2.5D", "mean", "3D"].map((name) => readRecord(run(name)).testReads),
    [0, 0, 0, 0],
  );
  const markdown = readFileSync(first.files!.table, "utf8");
  for (const text of [
    "| 2D |",
    "| 2.5D − 3D |",
    "| majority |",
    "| shortcut |",
    'method: "3d"',
    "seeds 0, 1",
    "| all | head.learning_rate: 0.002, network.learning_rate: 0.003 |",
    "adjusted by Holm over the 5 differences",
    "> Fewer than 10 val subjects of",
  ])
    assert.ok(markdown.includes(text), text);
  assert.match(first.table, /^2D +0\.\d\d ± 0\.\d\d/m, "aligned, two decimals");
  for (const line of first.table.split("\n")) assert.ok(line.length <= 110 && !/^[|#>]/.test(line), line);
  for (const { metrics } of first.comparison!.differences) {
    const { p, adjusted } = metrics.accuracy!;
    assert.ok(Number.isNaN(p) ? Number.isNaN(adjusted) : adjusted >= p && adjusted <= 1, `${p} ${adjusted}`);
  }
  const page = readFileSync(first.files!.page, "utf8");
  for (const text of ["Fewer than 10 val subjects of", '<svg role="img"', '<h2 id="differences">', "p "])
    assert.ok(page.includes(text), text);
  assert.match(readFileSync(first.files!.latex, "utf8"), /\\begin\{tabular\}[^]*2\.5D \$-\$ 3D &/);
  assert.deepEqual([...readFileSync(first.files!.png).subarray(1, 4)], [0x50, 0x4e, 0x47]);

  assert.deepEqual(
    ["2.5D", "3D"].map((name) => decidingSection(readRunConfig(run(name))).learningRate),
    [0.002, 0.003],
  );

  const second = await ablate({ file, data, out, part: "test" });
  const again = await ablate({ file, data, out, part: "test" });
  assert.equal(again.table, second.table);
  assert.equal(readRecord(run("3D")).testReads, 1, "the second call took the kept predictions");
  const predictions = readPredictions(second.files!.predictions);
  assert.deepEqual(
    predictions.map(({ model }) => model),
    ["2D#0", "2D#1", "2.5D#0", "2.5D#1", "mean#0", "mean#1", "3D#0", "3D#1", "majority#0", "shortcut#0"],
  );
  const of25 = second.comparison!.methods.find(({ name }) => name === "2.5D")!;
  const one = predictions.find(({ model }) => model === "2.5D#1")!;
  const right = one.labels.filter((label, i) => {
    const row = one.probabilities[i]!;
    return row.indexOf(Math.max(...row)) === label;
  }).length;
  assert.equal(of25.metrics.accuracy!.values[1], right / one.labels.length, "each seed's own predictions");
});

test("a run that reuses its slice stage equals one that trains it", async () => {
  const config = smallConfig({ "slice.epochs": "1", "head.epochs": "2" });
  const [own, taken] = [join(folder, "own"), join(folder, "taken")];
  await train({ config, data, out: own });
  await train({ config, data, out: taken, sliceFrom: own });
  for (const stage of ["slice", "volume"] as const)
    assert.equal(hashOf(runPaths(own).best(stage)), hashOf(runPaths(taken).best(stage)), stage);
  await train({ config, data, out: taken, resume: true });

  const refused = (overrides: Record<string, string>, more = {}) =>
    train({
      config: smallConfig(overrides["method"] === "3d" ? overrides : { "slice.epochs": "1", ...overrides }),
      data,
      out: join(folder, "no"),
      sliceFrom: own,
      ...more,
    });
  await assert.rejects(refused({ "slice.batch_size": "8" }), /a slice stage with other settings/);
  await assert.rejects(refused({ seed: "9" }), /a slice stage with other settings/);
  await assert.rejects(refused({ method: "3d" }), /a slice stage, which a 3D run cannot use/);
  const other = makeFolds(openDataset(data), { seed: 5, folds: 3 })[0]!;
  await assert.rejects(refused({}, { split: other }), /another split/);
  assert.ok(!existsSync(join(folder, "no")), "refused before anything is written");
});

test("if it is stopped in the middle, it resumes and repeats nothing", async () => {
  const out = join(folder, "stopped");
  const stop = new AbortController();
  const options = { file, data, out, signal: stop.signal };
  let steps = 0;
  const halted = await ablate({ ...options, onLog: () => (++steps === 3 ? stop.abort() : undefined) });
  assert.deepEqual([halted.status, halted.files], ["stopped", null]);
  const kept = runPaths(join(out, "runs", "2D", "seed0")).best("slice");
  const before = statSync(kept).mtimeMs;
  const { table } = await ablate({ file, data, out });
  assert.equal(statSync(kept).mtimeMs, before);
  const scores = (text: string) => text.replaceAll(/ \d+\.\d \|$/gm, " |"); // minutes differ
  const written = (place: string) => scores(readFileSync(join(folder, place, "val.md"), "utf8"));
  assert.ok(table.includes("2.5D − 3D"));
  assert.equal(written("stopped"), written("whole"));
});

test("a stop is heard while slices are embedded, too", async () => {
  const stop = new AbortController();
  const onProgress = ({ stage }: Progress) => (stage === "embeddings" ? stop.abort() : undefined);
  const out = join(folder, "embedding");
  const config = smallConfig({ "slice.epochs": "1", "head.epochs": "2" });
  const { status } = await train({ config, data, out, signal: stop.signal, onProgress });
  assert.equal(status, "stopped");
  assert.ok(existsSync(runPaths(out).best("slice")) && !existsSync(runPaths(out).best("volume")));
  assert.equal((await train({ config, data, out, resume: true })).status, "finished");
  assert.equal(hashOf(runPaths(out).best("volume")), hashOf(runPaths(join(folder, "own")).best("volume")));
});

test("folds: each volume scored once, by the model that did not see it", async () => {
  const dataset = openDataset(data);
  const folds = join(folder, "folds");
  mkdirSync(folds);
  const place = join(folder, "data", "split.json");
  writeSplit(dataset, makeFolds(dataset, { seed: 1, folds: 3 }));
  assert.ok(existsSync(place));
  writeFileSync(
    join(folder, "two.yaml"),
    "name: two\nconfig: base.yaml\nseeds: [4]\nmain: b\nvariants: {a: {method: 2d}, b: {head.model: max}}\n",
  );
  const { files, comparison } = await ablate({
    file: join(folder, "two.yaml"),
    data,
    out: folds,
    part: "test",
  });
  const [first] = readPredictions(files!.predictions);
  assert.deepEqual([...first!.ids].sort(), dataset.volumes.map(({ id }) => id).sort());
  assert.equal(comparison!.volumes, dataset.volumes.length);
  assert.deepEqual(
    comparison!.differences.map(({ second }) => second),
    ["a", "majority", "shortcut"],
  );
});

test("errors in the file are reported with their lines", async () => {
  const bad = join(folder, "bad.yaml");
  const refusal = async (text: string) => {
    writeFileSync(bad, text);
    return assert.rejects(ablate({ file: bad, data, out: join(folder, "bad") }), (error: Error) => {
      messages.push(error.message);
      return true;
    });
  };
  const messages: string[] = [];
  await refusal("name: x\nconfig: base.yaml\nmain: a\nvariants: {a: {}, b: {head.modle: mean}}\n");
  await refusal("name: x\nconfig: base.yaml\nmain: c\nvariants: {a: {}, b: {}}\n");
  await refusal("name: x\nconfig: base.yaml\nmain: a\nvariants: {a: {}}\n");
  await refusal("name: x\nconfig: base.yaml\nmetrics: [auc]\nmain: a\nvariants: {a: {}, b: {}}\n");
  await refusal("name: x\nconfig: base.yaml\nsettings: {head.epoch: 1}\nmain: a\nvariants: {a: {}, b: {}}\n");
  const expected = [
    /bad\.yaml:4:.*head\.modle.*head\.model/s,
    /bad\.yaml:3:.*one of a, b/s,
    /at least two, received 1/,
    /bad\.yaml:3:.*metrics/s,
    /head\.epoch.*head\.epochs/s,
  ];
  expected.forEach((pattern, k) => assert.match(messages[k]!, pattern));
});
