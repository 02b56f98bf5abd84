/** A cross-validation through the real command: killed during its second fold, resumed, and scored. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { readPredictions, type GroupMetrics, type GroupRecord } from "@slicestack/pipeline";
import { CommandFolder } from "./command.js";
import { smallConfig, smallData } from "./small-data.js";

const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);
// Many small steps, so that the kill after an epoch comes before the end.
const train = [
  "train",
  "--config",
  "small.yaml",
  "--data",
  "data",
  "--slice.epochs",
  "3",
  "--slice.batch_size",
  "2",
];
const folds = ["fold0", "fold1", "fold2"];
const groupOf = () => JSON.parse(readFileSync(at("cv", "group.json"), "utf8")) as GroupRecord;

before(async () => {
  await smallData(folder.path);
  writeFileSync(at("small.yaml"), smallConfig);
});

test("--fold all without folds is exit code 3 and names the command that makes them", () => {
  const asked = [...train, "--fold", "all", "--out", "cv"];
  const { status, stderr } = folder.run(...asked);
  assert.equal(status, 3, stderr);
  assert.match(
    stderr,
    /data\/split\.json: not found, --fold all needs folds\. To create them: slicestack split \S+ --folds 5/,
  );
  assert.doesNotMatch(stderr, /^Group:/m, "it has not begun");
  folder.succeed("split", "data", "--folds", "3");
});

test("a group that is killed during a fold resumes: finished folds are skipped, the interrupted one ends like a separate run", async () => {
  const begun = () => existsSync(at("cv/fold1/checkpoints/slice/last.json"));
  const { status } = await folder.interrupt([...train, "--fold", "all", "--out", "cv"], "SIGKILL", begun);
  assert.equal(status, null);
  assert.deepEqual(
    groupOf().members.map(({ status: state }) => state),
    ["trained", "training", "waiting"],
  );
  assert.deepEqual(
    groupOf().members.map(({ name }) => name),
    folds,
  );
  const early = folder.run("evaluate", "cv");
  assert.equal(early.status, 3, early.stderr);
  assert.match(early.stderr, /fold1: is not fully trained\. To continue: slicestack train --resume cv/);

  const stdout = folder.succeed("train", "--resume", "cv");
  assert.match(
    stdout,
    /^fold0 {2}was trained before\nfold1 {2}best on val: Slice stage macro F1 [01]\.\d{3}, Volume stage macro F1 [01]\.\d{3}\nfold2 {2}best .*\nGroup: .*cv\nNext: slicestack evaluate .*cv\n$/,
  );
  assert.equal(groupOf().status, "trained");
  const alone = folder.run(...train, "--fold", "1", "--out", "alone");
  assert.match(alone.stderr, /^Run: alone$/m);
  assert.match(
    alone.stderr,
    /^warning: fewer than 10 training volumes of CT-0 \(\d\), .*CT-4 \(\d\); merge/m,
  );
  const rows = alone.stderr.match(
    /^(slice|volume) epoch \d\/[23] {2}train loss \d+\.\d{4} {2}val loss \d+\.\d{4} {2}macro F1 \d\.\d{3} \(best .*\) {2}lr \S+ {2}\d+:\d\d$/gm,
  );
  assert.equal(rows?.length, 5, alone.stderr);
  for (const stage of ["slice", "volume"]) {
    const file = `checkpoints/${stage}/best.safetensors`;
    assert.ok(readFileSync(at("cv/fold1", file)).equals(readFileSync(at("alone", file))), file);
  }
});

test("evaluate of a group refuses options that it would ignore", () => {
  const { status, stderr } = folder.run("evaluate", "cv", "--protocol", "paper");
  assert.equal(status, 2, stderr);
  assert.match(
    stderr,
    /--protocol paper does not apply to a group; .*slicestack evaluate cv\/fold0 --protocol paper/,
  );
});

test("evaluate of the group: every subject is test once, and accuracy, mean and SD are those of the files", () => {
  const evaluated = folder.succeed(
    "evaluate",
    "cv",
    "--json",
    "--no-images",
    "--baseline",
    "spacing_z",
    "--subgroup",
    "spacing_z",
  );
  const { metrics } = JSON.parse(evaluated) as { metrics: GroupMetrics };
  const find = (path: string) =>
    readPredictions(at(path, "predictions.csv")).find(
      ({ model, part }) => model === "2.5d" && part === "test",
    )!;
  const together = find("cv");
  const ids = readFileSync(at("data/subjects.csv"), "utf8")
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(",")[0]);
  assert.deepEqual([...together.ids].sort(), ids.sort(), "each volume once");
  const members = folds.map((name) => find(`cv/${name}`));
  for (const member of members)
    member.ids.forEach((id, k) =>
      assert.deepEqual(together.probabilities[together.ids.indexOf(id)], member.probabilities[k]),
    );
  const accuracyOf = ({ labels, probabilities }: typeof together) =>
    labels.filter((label, k) => probabilities[k]!.indexOf(Math.max(...probabilities[k]!)) === label).length /
    labels.length;
  const near = (found: number, expected: number) =>
    assert.ok(Math.abs(found - expected) < 1e-12, `${found}, by hand ${expected}`);
  near(metrics.test.find(({ model }) => model === "2.5d")!.metrics.accuracy.value, accuracyOf(together));
  const each = members.map(accuracyOf);
  const mean = each.reduce((a, b) => a + b) / 3;
  const spread = metrics.spread.test["2.5d"]!.accuracy;
  near(spread.mean, mean);
  near(spread.standardDeviation, Math.sqrt(each.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 2));
  assert.deepEqual(metrics.combination.test, { kind: "out-of-fold", membersPerVolume: 1 });
  assert.ok(existsSync(at("cv/report.html")) && existsSync(at("cv/figures/models.png")));
  assert.ok(
    metrics.test.some(({ model }) => model === "metadata"),
    "--baseline reaches the members",
  );
  assert.deepEqual(
    metrics.subgroups.map(({ column }) => column),
    ["spacing_z"],
  );
  assert.match(readFileSync(at("cv/report.html"), "utf8"), /metadata baseline[^]*<h2 id="subgroups">/);
  for (const name of folds)
    assert.ok(
      !readFileSync(at("cv", name, "report.html"), "utf8").includes("<img"),
      "--no-images reaches the members",
    );
});

test("a single run resumes as a single run: --seeds beside its --resume is code 2, another fold is code 3", () => {
  const group = folder.run("train", "--resume", "alone", "--seeds", "2");
  assert.equal(group.status, 2, group.stderr);
  assert.match(group.stderr, /alone is a single run: resume it without --fold and --seeds/);
  const fold = folder.run("train", "--resume", "alone", "--fold", "2");
  assert.equal(fold.status, 3, fold.stderr);
  assert.match(fold.stderr, /alone: began with --fold 1, received --fold 2\. A run keeps its split/);
});
