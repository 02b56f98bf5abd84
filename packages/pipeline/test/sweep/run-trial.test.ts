/** What the process of a trial does, on tiny models: trained for real, resumed, scored once, with a shared slice stage. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { configToYaml } from "../../src/config/to-yaml.js";
import { makeFolds } from "../../src/data/split/folds.js";
import { splitPath, writeSplit } from "../../src/data/split/split.js";
import { openDataset } from "../../src/data/store.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { codeVersion } from "../../src/run/code-version.js";
import { readRecord, readRunConfig, runPaths, SLICE_STAGE_OF } from "../../src/run/folder.js";
import { beginSweep } from "../../src/sweep/begin.js";
import { runTrial } from "../../src/sweep/run-trial.js";
import type { Sweep } from "../../src/sweep/sweep.js";
import { readFailure } from "../../src/sweep/trial-failure.js";
import { ofMethod } from "../config/of-method.js";
import { scratch, tinyConfig, tinyDataset } from "../train/support.js";

const folder = scratch();
let data = "";
let sweep: Sweep;
before(async () => {
  data = await tinyDataset(folder);
  writeFileSync(
    join(folder, "base.yaml"),
    configToYaml(tinyConfig({ "slice.epochs": "1", "head.epochs": "1" })),
  );
  writeFileSync(
    join(folder, "sweep.yaml"),
    `
name: heads
config: base.yaml
objective: accuracy
space:
  head.model: [attention, mean, max]
`,
  );
  sweep = await beginSweep(join(folder, "sweep.yaml"), { data, out: join(folder, "sweep") });
  sweep.propose([], 3);
  for (const trial of sweep.trials) sweep.prepareTrial(trial);
});

const paths = (k: number) => sweep.paths.trial(sweep.trials[k]!.id);
const hashOf = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

test("a slice stage is trained once: the trial that it belongs to goes on from it, and another one takes it", async () => {
  const [donor, other] = [paths(0), paths(1)];
  assert.deepEqual(await runTrial(donor.folder, { stage: "slice" }), { status: "finished", result: null });
  assert.deepEqual([existsSync(donor.result), readRecord(donor.run).status], [false, "stopped"]);
  const weights = hashOf(runPaths(donor.run).best("slice"));
  const { result } = await runTrial(donor.folder);
  const second = await runTrial(other.folder, { sliceFrom: String(sweep.trials[0]!.number) });
  assert.equal(hashOf(runPaths(donor.run).best("slice")), weights);
  assert.equal(hashOf(runPaths(other.run).best("slice")), weights);
  assert.equal(readRecord(other.run).environment[SLICE_STAGE_OF], donor.run);
  assert.equal(ofMethod(readRunConfig(other.run), "2.5d").head.model.name, "mean");
  // Installed from an archive, the code has no commit.
  for (const { environment } of [readRecord(donor.run), readRecord(other.run)])
    assert.equal(environment["commit"], codeVersion().commit);
  assert.equal(sweep.record.versions["commit"], codeVersion().commit);
  const { labels, probabilities } = readPredictions(other.predictions)[0]!;
  const right = probabilities.filter((of, k) => of.indexOf(Math.max(...of)) === labels[k]).length;
  assert.equal(second.result?.objective, right / labels.length);
  assert.deepEqual([result?.epochs, second.result?.epochs], [2, 2]);
});

test("a finished trial is never trained or scored again; test stays unread", async () => {
  const { folder: trial, result, run } = paths(0);
  const before = statSync(result).mtimeMs;
  rmSync(run, { recursive: true });
  assert.equal((await runTrial(trial)).result?.status, "finished");
  assert.deepEqual([statSync(result).mtimeMs, existsSync(run)], [before, false]);
  assert.equal(readRecord(paths(1).run).testReads, 0);
});

test("a trial that is stopped resumes; with more pieces it begins anew, and its run says so", async () => {
  const { folder: trial, run } = paths(2);
  const stop = new AbortController();
  const onProgress = ({ stage }: { stage: string }) => stage === "slice stage" && stop.abort();
  assert.equal((await runTrial(trial, { onProgress, signal: stop.signal })).status, "stopped");
  const { created } = readRecord(run);
  await runTrial(trial, { stage: "slice" });
  assert.equal(readRecord(run).created, created, "it went on");
  const { result } = await runTrial(trial, { pieces: 2, sliceFrom: "000001" });
  assert.notEqual(readRecord(run).created, created, "it began anew");
  const { slice, head } = ofMethod(readRunConfig(run), "2.5d");
  assert.deepEqual([slice.accumulate, slice.batchSize, head.accumulate], [2, 16, 2]);
  assert.equal(result?.status, "finished");
});

test("what fails says why in failure.json, and a split that has changed is refused", async () => {
  const { folder: trial, result } = paths(1);
  rmSync(result);
  const dataset = openDataset(data);
  const file = splitPath(dataset);
  const kept = existsSync(file) ? readFileSync(file) : null;
  writeSplit(dataset, makeFolds(dataset, { folds: 3, seed: 1 }));
  await assert.rejects(runTrial(trial), { name: /SplitError|SweepError/ });
  const failure = readFailure(trial)!;
  assert.match(failure.message, /fold|split/);
  assert.equal(failure.outOfMemory, false);
  if (kept === null) rmSync(file);
  else writeFileSync(file, kept);
  assert.equal((await runTrial(trial)).status, "finished");
  assert.equal(readFailure(trial), null);
});
