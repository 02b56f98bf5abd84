/** Another program drives a sweep: ask and tell; points are added, planned, and imported from published files. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { loadConfig } from "../../src/config/load.js";
import { openDataset } from "../../src/data/store.js";
import { addPoints } from "../../src/sweep/add-points.js";
import { ask, tell } from "../../src/sweep/ask.js";
import { importSweep } from "../../src/sweep/import-published.js";
import { runSweep } from "../../src/sweep/local/run-sweep.js";
import { planSweep } from "../../src/sweep/plan-sweep.js";
import { planText } from "../../src/sweep/plan-text.js";
import { runSweepOnSlurm } from "../../src/sweep/slurm/run-on-slurm.js";
import { sweepCost } from "../../src/sweep/sweep-cost.js";
import { loadSweepFile } from "../../src/sweep/sweep-file.js";
import { scratch, smallDataset } from "../train/support.js";

const folder = scratch();
let data = "";
before(async () => {
  data = await smallDataset(folder);
});

function sweepFile(name: string, text: string): string {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, `name: ${name}\nconfig: {method: 2d, slice: {epochs: 1}}\n${text}`);
  return file;
}

test("trials are handed out once each; what is told is kept, may be told again, and is not overwritten by chance", async () => {
  const file = sweepFile("told", "seeds: 2\nspace: {slice.dropout: [0, 0.1]}\n");
  const out = join(folder, "told");
  const first = await ask(file, { data, out, count: 3 });
  assert.deepEqual(
    first.trials.map(({ id, point, seed, settings }) => [id, point, seed, settings]),
    [
      ["000000", 0, 0, { "slice.dropout": 0 }],
      ["000001", 0, 1, { "slice.dropout": 0 }],
      ["000002", 1, 0, { "slice.dropout": 0.1 }],
    ],
  );
  const config = loadConfig({ file: first.trials[2]!.config });
  assert.equal(config.method === "2d" && config.slice.dropout, 0.1);
  const rest = await ask(out, { count: 9 });
  assert.deepEqual([rest.trials.map(({ id }) => id), rest.isOver], [["000003"], true]);
  assert.deepEqual((await ask(out)).trials, []);

  assert.deepEqual(await tell(out, { trial: "000000", objective: 0 }), {
    id: "000000",
    state: "finished",
    objective: 0,
    isNew: true,
  });
  assert.equal((await tell(out, { trial: "0", objective: 0 })).isNew, false);
  await assert.rejects(tell(out, { trial: "0", objective: 0.5 }), /already says finished with objective 0/);
  assert.equal((await tell(out, { trial: "0", objective: 0.5, replace: true })).objective, 0.5);
  await assert.rejects(tell(out, { trial: "000009", objective: 1 }), /has no trial 000009/);
  await assert.rejects(tell(out, { trial: "000001" }), /has no result yet/);
  await tell(out, { trial: "000001", state: "failed", message: "node lost" });
  assert.match(readFileSync(join(out, "trials/000001/result.json"), "utf8"), /node lost/);
  assert.equal((await tell(out, { trial: "000003", objective: NaN })).objective, null);

  // A trial that is given back is handed out again; one that is finished is not.
  await tell(out, { trial: "000002", state: "waiting" });
  assert.deepEqual(
    (await ask(out, { count: 9 })).trials.map(({ id }) => id),
    ["000002"],
  );
  await assert.rejects(tell(out, { trial: "0", state: "waiting" }), /is finished/);
});

test("a program that searches itself gives its points, and gets the trials of each, with results that are there", async () => {
  const file = sweepFile(
    "own",
    "space: {slice.dropout: {float: [0, 0.9]}}\nsearch: tpe\nbudget: {points: 3}\n",
  );
  const out = join(folder, "own");
  const point = '{"slice.dropout": 0.25, slice.batch_size: 8}';
  const asked = await ask(file, { data, out, points: [point] });
  assert.deepEqual(asked.trials[0]!.settings, { "slice.dropout": 0.25, "slice.batch_size": 8 });
  await tell(out, { trial: asked.trials[0]!.id, objective: 0.7 });
  const again = await ask(out, { points: [point] });
  assert.deepEqual(
    [again.trials[0]!.id, again.trials[0]!.state, again.trials[0]!.objective],
    ["000000", "finished", 0.7],
  );
  await assert.rejects(
    ask(out, { points: ["{slice.dropout: 7}"] }),
    /expected a number from 0 to below 1, received 7/,
  );
  // Its points leave the budget of the sweep's own search as it is.
  const own = await ask(out, { count: 9 });
  assert.deepEqual([own.trials.length, own.isOver], [3, true]);
});

test("the plan lists every trial and what it changes, before anything is written, and the states of one that has begun", async () => {
  const file = sweepFile(
    "planned",
    "seeds: 2\npoints: {plain: {}}\nspace: {slice.weighted_sampler: [false, true]}\n",
  );
  const out = join(folder, "planned");
  const plan = await planSweep(file, { data, out, time: false });
  assert.ok(!existsSync(out));
  assert.deepEqual([plan.trials, plan.later, plan.isBegun, plan.folds], [6, 0, false, [null]]);
  const text = planText(plan);
  assert.match(text, /^Sweep planned: 3 points, 2 seeds each: 6 trials$/m);
  assert.match(text, /^000000-000001 {2}plain {2}nothing$/m);
  assert.match(text, /^000002-000003 {2}grid {3}slice\.weighted_sampler: false$/m);
  const asked = await ask(file, { data, out });
  await tell(out, { trial: asked.trials[0]!.id, objective: 0.5 });
  const begun = await planSweep(out);
  assert.equal(begun.isBegun, true);
  assert.match(planText(begun), /^000000-000001 {2}plain {2}nothing {2}1 finished, 1 waiting$/m);
  const search = sweepFile(
    "searched",
    "space: {slice.dropout: {float: [0, 0.5]}}\nsearch: tpe\nbudget: {points: 30}\n",
  );
  const searched = await planSweep(search);
  assert.deepEqual([searched.points.length, searched.later, searched.trials], [10, 20, 30]);
  assert.match(planText(searched), /No data set was named/);
});

test("points are added from files, folders and texts; a folder of published overrides is in the order of its numbers", async () => {
  const file = sweepFile("more", "points: [{}]\n");
  const out = join(folder, "more");
  const jobs = join(folder, "launch_configs");
  mkdirSync(jobs);
  writeFileSync(join(jobs, "job_10.yaml"), "slice:\n  epochs: 3\n  dropout: 0\n");
  writeFileSync(join(jobs, "job_2.yaml"), "slice.epochs: 2\nname: second\n");
  const list = join(folder, "points.yaml");
  writeFileSync(list, "points: {wide: {slice.batch_size: 4}}\n");
  const added = await addPoints(file, {
    data,
    out,
    files: [jobs, list],
    points: ["{slice.soft_labels: false}", "{}"],
  });
  assert.deepEqual(
    added.map(({ point, isNew }) => [point.number, point.name, point.settings, isNew]),
    [
      [1, "job_2", { "slice.epochs": 2 }, true],
      [2, "job_10", { "slice.epochs": 3, "slice.dropout": 0 }, true],
      [3, "wide", { "slice.batch_size": 4 }, true],
      [4, null, { "slice.soft_labels": false }, true],
      [0, null, {}, false],
    ],
  );
});

test("the published default.yaml and job_queue.txt become a sweep with a point a job", async () => {
  const at = (name: string) => join(folder, "published", name);
  mkdirSync(join(folder, "published", "Configs"), { recursive: true });
  const flat =
    "dataset_id: 2d\nmodel: simple\nbatch_size: 16\nclasses_to_include: [0, 1]\nlearning_rate: 0.001\nnum_epochs: 2\nweighted: false\n";
  writeFileSync(at("default.yaml"), flat.replace("model: simple", "model: custom_resnet"));
  writeFileSync(
    at("Configs/wide.yaml"),
    flat.replace("model: simple", "model: custom_resnet").replace("batch_size: 16", "batch_size: 64"),
  );
  writeFileSync(
    at("job_queue.txt"),
    `# jobs
python launch.py --config Configs/wide.yaml --exp_name "wide one"
1: python launch.py --config default.yaml --learning_rate=1e-4 --weighted
batch_size=32, dropout=0, no_transform=true
Configs/wide.yaml

classes_to_include=[0,2] class_mapping={0:0,2:1}
`,
  );
  const out = at("jobs.yaml");
  const made = await importSweep({ base: at("default.yaml"), jobs: at("job_queue.txt"), out });
  assert.deepEqual(
    made.points.map(({ name, values }) => [name, values]),
    [
      ["wide one", { batch_size: 64 }],
      ["job 3", { learning_rate: 0.0001, weighted: true }],
      ["job 4", { batch_size: 32, dropout: 0, no_transform: true }],
      ["job 5", { batch_size: 64 }],
      ["job 7", { classes_to_include: [0, 2], class_mapping: { 0: 0, 2: 1 } }],
    ],
  );
  assert.equal(loadSweepFile(out).points.length, 5);
  await assert.rejects(
    importSweep({ base: at("default.yaml"), jobs: at("job_queue.txt"), out }),
    /--overwrite/,
  );
  writeFileSync(at("bad.txt"), "batch_size=32\nwhatever this is\n");
  await assert.rejects(
    importSweep({ base: at("default.yaml"), jobs: at("bad.txt"), out: at("bad.yaml") }),
    /bad\.txt:2: expected a command/,
  );
});

test("trials that another program has are not run here, until it reports or returns them", async () => {
  const file = sweepFile("handed", "points: [{}]\n");
  const out = join(folder, "handed");
  const run = () =>
    runSweep({ sweep: file, data, out, program: [process.execPath, "-e", "process.exit(2)"] });
  await ask(file, { data, out });
  await assert.rejects(
    run(),
    /trial 000000 was handed out by slicestack sweep ask.*tell .*handed --trial 000000 --state waiting/,
  );
  await assert.rejects(
    runSweepOnSlurm({ sweep: out, program: [] }),
    /was handed out by slicestack sweep ask/,
  );
  await tell(out, { trial: "0", state: "waiting" });
  assert.equal((await run()).sweep.failed.length, 1, "it was started: a program that fails takes its place");
  assert.equal((await tell(out, { trial: "0", objective: 1, replace: true })).isNew, true);
  assert.equal((await run()).status, "finished");
});

test("without trials there is no time to estimate", async () => {
  assert.equal(await sweepCost([], openDataset(data)), null);
});

test("the time is estimated from the measured speed of each model; trials that share their slice stage count it once", async () => {
  const points = (names: string) => `settings: {threads: 1}\npoints: {${names}}\n`;
  const twoD = "2D: {slice.epochs: 400}";
  const alone = await planSweep(sweepFile("alone", points(twoD)), { data });
  const both = await planSweep(
    sweepFile("both", points(`${twoD}, vote: {slice.epochs: 400, slice.vote: majority}`)),
    {
      data,
    },
  );
  const other = points(`${twoD}, 3D: {method: 3d, network.model: simple, network.epochs: 1}`);
  const mixed = await planSweep(sweepFile("mixed", other), { data });
  assert.deepEqual(
    [alone.cost!.models, both.cost!.models, mixed.cost!.models, mixed.cost!.measured],
    [1, 1, 2, 2],
  );
  assert.equal(alone.cost!.device, "cpu");
  // The second trial has the start and the scoring alone: the slice stage of 400 epochs is not trained again.
  assert.ok(both.cost!.seconds < both.cost!.longest + 30, JSON.stringify(both.cost));
  assert.ok(mixed.cost!.seconds > mixed.cost!.longest);
  assert.match(
    planText(mixed),
    /^Estimated on cpu, one trial at a time: .+; the longest trial .+\. Shared slice stages count once\.$/m,
  );
});
