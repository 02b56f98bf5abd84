/** Groups of runs: folds and seeds in one folder, stopped, resumed, and scored together. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { temporaryName } from "../../src/data/atomic.js";
import { makeFolds } from "../../src/data/split/folds.js";
import { readSplit, writeSplit } from "../../src/data/split/split.js";
import { openDataset } from "../../src/data/store.js";
import { evaluateGroup } from "../../src/tasks/evaluate-group.js";
import type { GroupMetrics } from "../../src/evaluate/group/metrics-file.js";
import { readPredictions, type Predictions } from "../../src/evaluate/predictions.js";
import { readRecord, readRunConfig, runPaths, writeRecord } from "../../src/run/folder.js";
import { groupPaths, groupWords, readGroup } from "../../src/run/group.js";
import { trainGroup } from "../../src/study/train-group.js";
import { train } from "../../src/tasks/train.js";
import { scratch, smallConfig, smallDataset } from "./support.js";

const folder = scratch();
const group = join(folder, "group");
const config = smallConfig({ method: "2d", seed: "7", "slice.epochs": "1", "slice.dropout": "0" });
let data = "";
before(async () => {
  data = await smallDataset(folder);
});

const names = ["fold0-seed7", "fold0-seed8", "fold1-seed7", "fold1-seed8"];
const statuses = () => readGroup(group).members.map(({ status }) => status);

test("folds of a data set without folds: the error names the command that creates them; nothing is written", async () => {
  const asked = trainGroup({ config, data, out: group, fold: "all" });
  await assert.rejects(asked, {
    name: "SplitError",
    message: `${join(data, "split.json")}: not found, --fold all needs folds. To create them: slicestack split ${data} --folds 5   Otherwise leave out --fold.`,
  });
  assert.ok(!existsSync(group));
  await assert.rejects(trainGroup({ config, data, out: group }), {
    name: "RunError",
    message: /needs folds or seeds/,
  });
});

test("a group that is stopped at its third member keeps two, and resumes to the same bytes as a single run", async () => {
  const dataset = openDataset(data);
  writeSplit(dataset, makeFolds(dataset, { seed: 0, folds: 2, test: 0.3 }));
  const controller = new AbortController();
  // Before its first step, so that it cannot be over by the time the wish arrives; a kill amid the steps: cli/test/group.test.ts.
  const onLog = (line: string) => {
    if (line.startsWith("fold1-seed7 ")) controller.abort();
  };
  const asked = { config, data, out: group, fold: "all" as const, seeds: 2 };
  const first = await trainGroup({ ...asked, onLog, signal: controller.signal });
  assert.equal(first.status, "stopped");
  assert.deepEqual(
    first.members.map(({ name }) => name),
    names.slice(0, 2),
  );
  assert.deepEqual(
    [readGroup(group).status, ...statuses()],
    ["stopped", "trained", "trained", "stopped", "waiting"],
  );
  await assert.rejects(trainGroup(asked), { name: "RunError", message: /already holds a group.*--resume/ });
  await assert.rejects(evaluateGroup({ group }), {
    name: "RunError",
    message: /fold1-seed7: is not fully trained.*--resume/,
  });

  // The data set's split is another one by now: the group keeps its own.
  writeSplit(dataset, makeFolds(dataset, { seed: 1, folds: 3 }));
  // What a kill amid a write leaves behind goes with the next start.
  const torn = temporaryName(groupPaths(group).record);
  writeFileSync(torn, "{");
  const lines: string[] = [];
  const second = await trainGroup({
    config,
    data,
    out: group,
    resume: true,
    onLog: (line) => lines.push(line),
  });
  assert.deepEqual(
    second.members.map(({ name, best }) => [name, best === null]),
    names.map((name, k) => [name, k < 2]),
  );
  const members = lines.filter((line) => !line.includes(": warning: "));
  assert.deepEqual(
    members,
    ["fold1-seed7 (3 of 4)", "fold1-seed8 (4 of 4)"],
    "finished members are passed over",
  );
  assert.deepEqual(
    [second.status, readGroup(group).status, existsSync(torn)],
    ["finished", "trained", false],
  );

  const alone = join(folder, "alone");
  const split = readSplit(groupPaths(group).member({ name: "fold1-seed7" }) + "/split.json");
  await train({ config, data, out: alone, split });
  const file = runPaths(alone).best("slice");
  assert.ok(readFileSync(file).equals(readFileSync(file.replace(alone, join(group, "fold1-seed7")))), file);
});

test("group.json lists the members; each member is a run with its fold and seed on the common split file", () => {
  const record = readGroup(group);
  assert.deepEqual(
    record.members.map(({ name, fold, seed, trained }) => [name, fold, seed, trained]),
    [
      ["fold0-seed7", 0, 7, ["slice"]],
      ["fold0-seed8", 0, 8, ["slice"]],
      ["fold1-seed7", 1, 7, ["slice"]],
      ["fold1-seed8", 1, 8, ["slice"]],
    ],
  );
  assert.equal(groupWords(record.members), "2 folds x 2 seeds");
  const folds = (JSON.parse(readFileSync(groupPaths(group).split, "utf8")) as { folds: { hash: string }[] })
    .folds;
  for (const { name, fold, seed, splitHash } of record.members) {
    const run = groupPaths(group).member({ name });
    assert.equal(readRunConfig(run).seed, seed);
    assert.equal(readSplit(runPaths(run).split).hash, folds[fold!]!.hash);
    assert.equal(splitHash, folds[fold!]!.hash);
  }
});

test("resuming with another configuration, other folds or seeds, or in a damaged group, is refused", async () => {
  const go = (more: Partial<Parameters<typeof trainGroup>[0]>) =>
    trainGroup({ config, data, out: group, resume: true, ...more });
  const other = smallConfig({ method: "2d", seed: "7", "slice.epochs": "2", "slice.dropout": "0" });
  await assert.rejects(go({ config: other }), {
    name: "RunError",
    message: /another configuration \(slice\.epochs: 1, here 2\)/,
  });
  await assert.rejects(go({ fold: "all", seeds: 3 }), {
    name: "RunError",
    message: /2 folds x 2 seeds, received 2 folds x 3 seeds/,
  });
  const { record } = groupPaths(group);
  const sealed = readFileSync(record, "utf8");
  const text = sealed.replace(/,\n {2}"sha256": ".*"/, "");
  for (const [broken, message] of [
    [text.slice(0, 100), /group\.json: expected JSON/],
    [sealed.replace('"fold0-seed7"', '"fold3-seed7"'), /group\.json: .*it was edited by hand, or damaged/],
    [text.replace('"version": 1', '"version": 2'), /group\.json: version/],
    [text.replace('"fold0-seed7"', '"../elsewhere"'), /group\.json: members\.0\.name/],
  ] as const) {
    writeFileSync(record, broken);
    await assert.rejects(go({}), { name: "RunError", message });
  }
  writeFileSync(record, sealed);
});

const find = (all: readonly Predictions[], model: string, part: "val" | "test") =>
  all.find((one) => one.model === model && one.part === part)!;
const predictionsOf = (name: string) => readPredictions(runPaths(join(group, name)).predictions);
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

test("the ensemble's files, recomputed by hand from the members' predictions.csv", async () => {
  const { metrics, report } = await evaluateGroup({ group });
  const together = readPredictions(groupPaths(group).predictions);
  const members = names.map(predictionsOf);
  for (const model of ["majority", "shortcut", "2d_vote"]) {
    const ensemble = find(together, model, "test");
    ensemble.ids.forEach((id, k) => {
      const rows = members.map((all) => {
        const own = find(all, model, "test");
        return own.probabilities[own.ids.indexOf(id)]!;
      });
      const expected = ensemble.probabilities[k]!.map((_, c) => mean(rows.map((row) => row[c]!)));
      ensemble.probabilities[k]!.forEach((p, c) =>
        assert.ok(Math.abs(p - expected[c]!) < 1e-12, `${model} ${id}`),
      );
    });
    // The folds' own subjects are val here: each of them once, by its own fold's two seeds.
    const outOfFold = find(together, model, "val");
    assert.equal(new Set(outOfFold.ids).size, outOfFold.ids.length);
    for (const [fold, pair] of [members.slice(0, 2), members.slice(2)].entries()) {
      const [a, b] = pair.map((all) => find(all, model, "val")) as [Predictions, Predictions];
      a.ids.forEach((id, k) => {
        const found = outOfFold.probabilities[outOfFold.ids.indexOf(id)]!;
        const expected = a.probabilities[k]!.map((p, c) => (p + b.probabilities[b.ids.indexOf(id)]![c]!) / 2);
        found.forEach((p, c) => assert.ok(Math.abs(p - expected[c]!) < 1e-12, `${model} fold ${fold} ${id}`));
      });
    }
  }
  const { labels, probabilities } = find(together, "2d_vote", "test");
  const right = labels.filter(
    (label, k) => probabilities[k]!.indexOf(Math.max(...probabilities[k]!)) === label,
  ).length;
  const summary = metrics.test.find(({ model }) => model === "2d_vote")!;
  assert.ok(Math.abs(summary.metrics.accuracy.value - right / labels.length) < 1e-12);
  assert.deepEqual(metrics.combination, {
    test: { kind: "mean", membersPerVolume: 4 },
    val: { kind: "out-of-fold", membersPerVolume: 2 },
  });
  const page = readFileSync(report, "utf8");
  assert.match(page, /small, 2 folds x 2 seeds[^]*the mean over the 4 members/);
  assert.match(page, /<desc[^>]*>Sources read, [^<]*; train or val, 2 folds, [^<]*; test, /);
  assert.match(page, /<h3>Participants<\/h3>[^]*train or val, 2 folds \(n = /);
});

test("mean and SD over the members are those of the members' own metrics.json", () => {
  const written = JSON.parse(readFileSync(groupPaths(group).summary, "utf8")) as GroupMetrics;
  const own = names.map((name) => {
    const { test: summaries } = JSON.parse(
      readFileSync(runPaths(join(group, name)).summary, "utf8"),
    ) as GroupMetrics;
    return summaries.find(({ model }) => model === "2d_vote")!.metrics.negativeLogLikelihood.value;
  });
  const center = mean(own);
  const deviation = Math.sqrt(own.reduce((sum, value) => sum + (value - center) ** 2, 0) / 3);
  const spread = written.spread.test["2d_vote"]!.negativeLogLikelihood;
  assert.ok(Math.abs(spread.mean - center) < 1e-12 && Math.abs(spread.standardDeviation - deviation) < 1e-12);
  assert.ok(deviation > 0);
  assert.deepEqual(
    written.members.map(({ test: scores }) => scores["2d_vote"]!.negativeLogLikelihood),
    own,
  );
  for (const name of names) assert.equal(readRecord(join(group, name)).testReads, 1);
});

test("a run with another configuration, seed or split is not accepted as a member", async () => {
  const run = join(group, "fold1-seed8");
  const { config: file } = runPaths(run);
  const [text, record] = [readFileSync(file, "utf8"), readRecord(run)];
  writeFileSync(file, text.replace("seed: 8", "seed: 9"));
  await assert.rejects(evaluateGroup({ group }), {
    name: "RunError",
    message: /fold1-seed8\/config\.yaml: was changed/,
  });
  writeRecord(run, { ...record, configSha256: undefined }); // as of a version that kept no hash of it
  await assert.rejects(evaluateGroup({ group }), {
    name: "RunError",
    message: /fold1-seed8: has a seed other than/,
  });
  writeFileSync(file, text.replace("batch_size: 16", "batch_size: 17"));
  await assert.rejects(evaluateGroup({ group }), {
    name: "RunError",
    message: /has a configuration other than/,
  });
  writeFileSync(file, text);
  writeRecord(run, record);
});

test("a group whose data set was moved continues with the new location in every member", async () => {
  const moved = join(folder, "moved");
  renameSync(data, moved);
  const { status } = await trainGroup({ config, data: moved, out: group, resume: true });
  assert.equal(status, "finished");
  assert.equal(readGroup(group).dataset.directory, moved);
  for (const name of names) assert.equal(readRecord(join(group, name)).dataset?.directory, moved);
  renameSync(moved, data);
  rmSync(group, { recursive: true });
});

test("seeds on the data set's one split share it, and stages may be trained one at a time", async () => {
  const dataset = openDataset(data);
  rmSync(join(data, "split.json"));
  const staged = smallConfig({ "slice.epochs": "1", "head.epochs": "1" });
  const out = join(folder, "seeds");
  const slices = await trainGroup({ config: staged, data, out, seeds: 2, stage: "slice" });
  assert.deepEqual(
    slices.members.map(({ name }) => name),
    ["seed0", "seed1"],
  );
  assert.deepEqual(
    readGroup(out).members.map(({ trained }) => trained),
    [["slice"], ["slice"]],
  );
  assert.equal(readGroup(out).status, "stopped");
  await trainGroup({ config: staged, data, out, resume: true, stage: "volume" });
  const { members, status } = readGroup(out);
  assert.deepEqual(
    [status, ...members.map(({ trained }) => trained.join())],
    ["trained", "slice,volume", "slice,volume"],
  );
  assert.equal(members[0]!.splitHash, members[1]!.splitHash);
  assert.equal(readSplit(groupPaths(out).split).datasetHash, dataset.info.hash);
});
