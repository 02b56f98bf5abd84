/** slicestack auto, as a user types it: planned, killed, continued, refused; on phantoms of 3 subjects a class. */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { generatePhantoms, readLedger, readPredictions, type AutoResult } from "@slicestack/pipeline";
import { CommandFolder } from "./command.js";

const folder = new CommandFolder();
const at = (...names: string[]) => join(folder.path, ...names);
const text = (...names: string[]) => readFileSync(at(...names), "utf8");
// Small, and without a budget, so that the plan does not depend on the speed of the machine.
const small = ["--size", "32", "--depth", "6", "--threads", "1"];
const auto = (out: string, ...more: string[]) => ["auto", "scans", "--out", out, ...small, ...more];

before(async () => {
  await generatePhantoms({
    destination: at("scans"),
    counts: [3, 0, 0, 3, 0],
    seed: 4,
    size: 32,
    workers: 1,
  });
});

test("--dry-run lists the steps with their time, and writes nothing", () => {
  const files = folder.list("");
  const planned = folder.succeed(...auto("dry", "--dry-run"));
  assert.deepEqual(folder.list(""), files);
  for (const step of [
    "inspect",
    "prepare",
    "audit",
    "split",
    "plan",
    "train 2.5d",
    "train 2d",
    "train 3d",
    "choose",
    "test",
  ])
    assert.match(planned, new RegExp(`^${step} +about \\d+:\\d\\d`, "m"), step);
  assert.match(planned, /list 6 scans of 6 subjects/);
  assert.match(planned, /2 folds, 2\.5D 20 epochs, 3D 20 epochs: the full plan, because no budget was given/);
  assert.match(planned, /About \d+:\d\d in all\. Nothing was written; dry would hold everything\.$/m);
});

test("killed in each part and started again: the bundle, bit for bit, and the scores of a call that was left alone", async () => {
  const args = auto("killed/lung");
  const kill = (ready: () => boolean) => folder.interrupt(args, "SIGKILL", ready);
  await kill(() => existsSync(at("killed/lung/data/dataset.json")));
  await kill(() => existsSync(at("killed/lung/runs/2.5d/fold1/metrics.jsonl")));
  await kill(() => existsSync(at("killed/lung/runs/3d/fold0/metrics.jsonl")));
  const scored = (name: string) => {
    const file = at("killed/lung/runs", name, "fold0/checksums.json");
    return existsSync(file) && readFileSync(file, "utf8").includes('"report.html"');
  };
  await kill(() => ["2d", "2.5d", "3d"].some(scored));
  const result = JSON.parse(folder.succeed(...args, "--json")) as AutoResult;
  const alone = JSON.parse(folder.succeed(...auto("alone/lung", "--json"))) as AutoResult;
  assert.equal(result.bundled.sha256, alone.bundled.sha256);
  assert.deepEqual(result.test, alone.test);
  assert.deepEqual(result.selected, alone.selected);
  for (const name of ["predictions.csv", "validation.csv"])
    assert.equal(text("killed/lung", name), text("alone/lung", name), name);
  // The member that was scored before the kill is not read again; those that were not chosen are never read.
  const { final } = result.selected;
  const reads = (name: string) => readLedger(at("killed/lung/runs", name, "fold0")).count;
  for (const name of ["2d", "2.5d", "3d"])
    assert.equal(reads(name), final === name || final === "ensemble" ? 1 : 0, name);
});

test("the result: 2D has the slice stages of 2.5D, every file is there, and the bundle predicts", () => {
  const again = folder.run(...auto("alone/lung"));
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stdout, /^method +fold 0 +fold 1 +mean AUROC +SE/m);
  assert.match(again.stdout, /Test set, 2 volumes of 2 subjects, read once/);
  assert.match(
    again.stdout,
    /Next:\n {2}slicestack predict alone\/lung\/model\.slicestack SCAN.*\n {2}slicestack serve alone\/lung\/model\.slicestack /,
  );
  for (const fold of ["fold0", "fold1"]) {
    const weights = ["2d", "2.5d"].map((name) =>
      readFileSync(at("alone/lung/runs", name, fold, "checkpoints/slice/best.safetensors")),
    );
    assert.ok(weights[0]!.equals(weights[1]!), fold);
  }
  const page = text("alone/lung/report.html");
  for (const title of ["Choice on the validation sets", "Test set", "Data", "Plan", "Steps"])
    assert.ok(page.includes(title), title);
  assert.ok(existsSync(at("alone/lung/audit.html")));
  const scored = readPredictions(at("alone/lung/predictions.csv")).filter(({ part }) => part === "test");
  assert.ok(scored.every(({ ids }) => ids.length === 2));
  const predicted = folder.succeed("predict", "alone/lung/model.slicestack", "scans/0001.nii.gz");
  assert.match(predicted, /^scans\/0001\.nii\.gz: CT-[03] /);
});

test("a folder whose inputs have changed is refused by the name of the input; --overwrite is the way out", () => {
  const labels = text("scans/labels.csv");
  writeFileSync(at("scans/labels.csv"), labels.replace(/,M,/, ",F,"));
  const changed = folder.run(...auto("alone/lung"));
  assert.equal(changed.status, 3);
  assert.match(
    changed.stderr,
    /scans\/labels\.csv changed after the step "inspect" was finished\. .*--overwrite/,
  );
  writeFileSync(at("scans/labels.csv"), labels);
  const seeded = folder.run(...auto("alone/lung", "--seed", "1"));
  assert.equal(seeded.status, 3);
  assert.match(seeded.stderr, /was begun with --seed 0, received --seed 1/);
  const bundle = readFileSync(at("alone/lung/model.slicestack"));
  writeFileSync(at("alone/lung/model.slicestack"), "another model");
  const replaced = folder.run(...auto("alone/lung"));
  assert.equal(replaced.status, 3);
  assert.match(
    replaced.stderr,
    /model\.slicestack: changed after the step "bundle" was finished\. Remove it/,
  );
  for (const name of ["model.slicestack", "report.html"]) rmSync(at("alone/lung", name));
  folder.succeed(...auto("alone/lung"));
  assert.ok(
    readFileSync(at("alone/lung/model.slicestack")).equals(bundle) &&
      existsSync(at("alone/lung/report.html")),
  );
  rmSync(at("alone/lung/predictions.csv"));
  assert.match(folder.run(...auto("alone/lung")).stderr, /predictions\.csv changed after the step "report"/);
  const foreign = folder.run(...auto("scans"));
  assert.equal(foreign.status, 3, "a folder of something else");
  assert.match(foreign.stderr, /expected a folder beside scans/);
});

test("one scan under two subjects stops it before anything is trained; --allow-leaks continues; a budget may be too short", () => {
  mkdirSync(at("leaky"));
  for (const name of ["0001", "0002", "0003", "0004", "0005", "0006"])
    copyFileSync(at("scans", `${name}.nii.gz`), at("leaky", `${name}.nii.gz`));
  copyFileSync(at("scans/0001.nii.gz"), at("leaky/copy.nii.gz"));
  const [head = "", ...rows] = text("scans/labels.csv").trim().split("\n");
  const copy = rows.find((row) => row.startsWith("0001,"))!.replace(/^0001,S\d+/, "copy,S0099");
  writeFileSync(at("labels.csv"), `${[head, ...rows, copy].join("\n")}\n`);
  const leaky = ["auto", "leaky", "--labels", "labels.csv", "--out", "leak", ...small];
  const stopped = folder.run(...leaky);
  assert.equal(stopped.status, 3);
  assert.match(
    stopped.stderr,
    /1 pair of scans is the same scan under two subjects: (0001 and copy|copy and 0001)/,
  );
  assert.match(stopped.stderr, /pass --allow-leaks/);
  assert.ok(existsSync(at("leak/audit.html")) && !existsSync(at("leak/runs")));
  const short = folder.run(...leaky, "--allow-leaks", "--budget", "1s");
  assert.equal(short.status, 2);
  assert.match(short.stderr, /warning: 1 pair of scans/);
  assert.match(
    short.stderr,
    /The budget of 1 s is too short: .* takes \d+ (s|min) in all\. Give --budget \d+m or more/,
  );
});
