/** A folder with a YAML file a job, as the published launch_configs, is a sweep. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { beginSweep, locateSweep } from "../../src/sweep/begin.js";
import { planSweep } from "../../src/sweep/plan-sweep.js";
import { planText } from "../../src/sweep/plan-text.js";
import { Sweep } from "../../src/sweep/sweep.js";
import { scratch, smallDataset } from "../train/support.js";

const folder = scratch();
const jobs = join(folder, "launch configs");
let data = "";
before(async () => {
  data = await smallDataset(folder);
  mkdirSync(jobs);
  const flat =
    "dataset_id: 2d\nexp_name: base\nmodel: custom_resnet\nbatch_size: 16\nlearning_rate: 0.001\nweighted: true\n";
  writeFileSync(join(folder, "default.yaml"), flat);
  writeFileSync(join(jobs, "job_10.yaml"), "exp_name: ten\nbatch_size: 8\nweighted: false\n");
  writeFileSync(join(jobs, "job_2.yaml"), "dropout: 0\n");
});

test("each file is a point on default.yaml, in the order of the numbers; false and 0 are values", async () => {
  const plan = await planSweep(jobs, { data, time: false });
  assert.deepEqual(
    plan.points.map(({ name, settings }) => [name, settings]),
    [
      ["job_2", { dropout: 0 }],
      ["job_10", { batch_size: 8, weighted: false }],
    ],
  );
  assert.match(planText(plan), /job_10 .*batch_size: 8, weighted: false/);

  const out = join(folder, "out");
  const sweep = await beginSweep(jobs, { data, out });
  const [two, ten] = sweep.trials.map((trial) => sweep.configOf(trial));
  assert.ok(two?.method === "2d" && ten?.method === "2d");
  assert.deepEqual([two.slice.dropout, two.slice.batchSize, ten.slice.batchSize], [0, 16, 8]);
  assert.deepEqual([two.slice.weightedSampler, ten.slice.weightedSampler], [true, false]);
  assert.match(readFileSync(join(out, "sweep.yaml"), "utf8"), /^name: launch_configs$/m);
});

test("the same folder continues the sweep; changed or new files are refused, and added with sweep add", async () => {
  const out = join(folder, "out");
  assert.equal(locateSweep(jobs, { out }).isBegun, true);
  assert.equal((await beginSweep(jobs, { out })).points.length, 2);
  writeFileSync(join(jobs, "job_11.yaml"), "batch_size: 4\n");
  await assert.rejects(
    beginSweep(jobs, { out }),
    /launch configs: differs from the file.*slicestack sweep add/s,
  );
  assert.equal((await Sweep.open(out)).points.length, 2);
});

test("default.yaml may lie in the folder; without one the defaults are shared; a wrong key is reported with its file and line", async () => {
  const own = join(folder, "own");
  mkdirSync(own);
  writeFileSync(join(own, "default.yaml"), "method: 2d\nslice: {epochs: 3}\n");
  writeFileSync(join(own, "a.yaml"), "slice:\n  dropout: 0.5\n");
  const { points } = await planSweep(own, { data, time: false });
  assert.deepEqual(
    points.map(({ name, settings }) => [name, settings]),
    [["a", { "slice.dropout": 0.5 }]],
  );

  writeFileSync(join(own, "b.yml"), "slice.epochs: 2\nslice:\n  epoch: 2\n");
  await assert.rejects(planSweep(own, { data, time: false }), /b\.yml:3:\d+.*slice\.epoch/s);

  const empty = join(folder, "empty");
  mkdirSync(empty);
  await assert.rejects(
    planSweep(empty, { data }),
    /no sweep has been started there.*a folder of YAML files/s,
  );
});
